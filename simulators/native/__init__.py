"""A provider's batch API: files, jobs and what can go wrong with them, in whichever provider's shapes.

`desk` is the provider behind the counter, `api` the HTTP in front of it, `door` where a test reaches behind.
How OpenAI's and Azure's answers look is in `simulators.openai` and `simulators.azure`.
"""
