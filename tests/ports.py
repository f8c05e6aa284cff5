"""Ports of loopback for servers that are started, and perhaps started again on the same one.

The system gives out ports above these by itself, to whoever connects to something, so one of those may be
taken while a server is down. Each process that runs tests has some for itself.
"""

import itertools
import os
import random
import socket

_FIRST = 10_000
_OF_A_WORKER = 2_000

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 11
_start = random.randrange(_OF_A_WORKER)  # noqa: S311 - two runs at once should not begin at the same one
_next = itertools.count(_start)


def free_port() -> int:
    """Return a port nobody listens on now, and which nobody else is given."""
    for number in itertools.islice(_next, _OF_A_WORKER):
        port = _FIRST + _worker * _OF_A_WORKER + number % _OF_A_WORKER
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("all ports are taken")
