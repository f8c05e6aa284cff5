"""Send every line of a chunk to an endpoint that has no batch API, and keep the answers as they come."""
