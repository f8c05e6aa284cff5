"""The task queues, and what runs on each."""

BATCHES = "batches"
"""Workflows, and all activities that need no endpoint."""

LINES = "lines"
"""The line lane's chunks: long, many, and hungry for connections. Each deployment has a queue of its own."""

PROVIDER = "provider"
"""The native lane's calls. Each provider has a queue of its own, so that one that is slow delays no other."""

EVENTS = "events"
"""Events on their way. Each sink has a queue of its own, so that one that hangs delays no other."""

WEBHOOKS = "webhooks"
"""What is sent to clients' own servers. They may be slow or dead: no batch is to wait for a place then."""

ALL = (BATCHES, LINES, PROVIDER, EVENTS, WEBHOOKS)
"""What a worker can be told to work on."""


def lines(deployment_id: str) -> str:
    """Return the queue of one deployment's chunks.

    A chunk holds its place on its worker for as long as its deployment is down, so with a queue for all
    of them one that is down would in the end hold up every other.
    """
    return f"{LINES}-{deployment_id}"


def provider(name: str) -> str:
    """Return the queue of one provider's calls."""
    return f"{PROVIDER}-{name}"


def events(sink: str) -> str:
    """Return the queue of what one sink is to be told."""
    return f"{EVENTS}-{sink}"
