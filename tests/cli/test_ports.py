"""Ports that are free, and the next that is."""

import socket
from collections.abc import Iterator

import pytest

from cli.ports import PortTaken, is_free, next_free, require_free, reserved

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(HOST, taken)
    with pytest.raises(PortTaken, match=f"port {taken} of {HOST} is taken"):
        require_free(HOST, taken)


def test_the_next_free_port_is_behind_the_taken_one_and_not_among_the_spoken_for(taken: int) -> None:
    found = next_free(HOST, taken)
    another = next_free(HOST, taken, but=(found,))

    assert taken < found < another
    assert require_free(HOST, another) == another


def test_a_reserved_port_is_free_for_nobody_but_who_shares_it() -> None:
    with reserved(HOST) as port:
        assert not is_free(HOST, port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port), timeout=60)
        for _ in range(2):
            with (
                socket.create_server((HOST, port), reuse_port=True) as server,
                socket.create_connection((HOST, port), timeout=60),
            ):
                server.settimeout(60)
                server.accept()[0].close()
    assert is_free(HOST, port)
