"""The gateway: HTTP in, workflows started, rows read. OpenAI's Files and Batches API, served."""
