"""Which process runs which workflows and activities, on which task queue."""
