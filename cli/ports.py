"""Ports: whether one is free, and which is the next that is."""

import socket
from collections.abc import Container, Iterator
from contextlib import contextmanager

_TRIES = 100
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, not listened on


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


def any_free(host: str) -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((host, 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def reserved(host: str) -> Iterator[int]:
    """Keep a port for our own children while the block runs: with SO_REUSEPORT they can listen there.

    Nobody else can, and while none of them does a connection is refused.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, 0))
        port: int = holder.getsockname()[1]
        yield port


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # As the servers do it: a port that is merely cooling down counts as free.
        socket.create_server((host, port), family=family).close()
    except OSError:
        return False
    return True


def url_here(host: str, port: int) -> str:
    """Return where on this machine a server is that listens on `host`."""
    host = _ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
