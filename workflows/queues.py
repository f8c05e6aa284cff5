"""The task queues, and what runs on each."""

BATCHES = "batches"
"""Workflows, and the short activities that keep the catalog."""

LINES = "lines"
"""The line lane's chunks and seals: long, many, and hungry for connections."""

ALL = (BATCHES, LINES)
