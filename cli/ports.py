"""Ports: whether one is free, and which is the next that is."""

import socket
from collections.abc import Container

_TRIES = 100


class PortTaken(Exception):
    """Something listens on that port already."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} of {host} is taken by another program")


def require_free(host: str, port: int) -> int:
    """Return `port`. Raises PortTaken."""
    if not is_free(host, port):
        raise PortTaken(host, port)
    return port


def next_free(host: str, port: int, *, but: Container[int] = ()) -> int:
    """Return the first free port from `port` on. Raises PortTaken when a hundred of them are taken."""
    for candidate in range(port, port + _TRIES):
        if candidate not in but and is_free(host, candidate):
            return candidate
    raise PortTaken(host, port)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # As the servers do it: a port that is merely cooling down counts as free.
        socket.create_server((host, port), family=family).close()
    except OSError:
        return False
    return True
