"""Vertex AI's batch prediction API, on top of a Cloud Storage that is somebody else's: an emulator.

`desk` is the provider behind the counter, `api` the HTTP in front of it, `buckets` the storage it reads and
writes; `gemini`, `claude` and the two embeddings are the kinds of rows that its models take.
"""
