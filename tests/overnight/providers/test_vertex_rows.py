"""A line that we fail at costs its batch that line, and nothing else."""

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from overnight.domain.errors import Untranslatable
from overnight.jsonl import Request
from overnight.providers.vertex_rows import VertexRows
from overnight.translate import Shape

SECRET = "my deepest secret"


class Tripping(Shape):
    """A shape with a mistake in it."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def row(self, body: bytes, *, key: str) -> bytes:
        """Return a row, or trip over it."""
        if SECRET in body.decode():
            raise self._error(body)
        return json.dumps({"key": key}).encode()


def request(number: int, **body: Any) -> Request:
    return Request(number, f"line-{number}", json.dumps(body).encode())


def test_a_line_that_we_trip_over_is_refused_and_the_next_one_is_not() -> None:
    rows = VertexRows(Tripping(KeyError))
    with capture_logs():
        fault = rows.fault(request(1, text=SECRET))
        with pytest.raises(Untranslatable):
            rows.row(request(1, text=SECRET))
    assert fault is not None
    assert (fault.message, fault.param) == ("This request can't be translated.", None)
    assert rows.fault(request(2, text="harmless")) is None
    assert json.loads(rows.row(request(2, text="harmless")))


def test_a_key_that_can_t_be_made_is_a_refusal_too() -> None:
    class Keyless(Tripping):
        def key(self, body: bytes, *, custom_id: str) -> str:
            raise ValueError(custom_id)

    with capture_logs():
        assert VertexRows(Keyless(KeyError)).fault(request(1))


def test_what_we_trip_over_is_logged_once_a_place_and_quotes_nothing() -> None:
    rows = VertexRows(Tripping(ValueError))
    with capture_logs() as logs:
        for number in range(3):
            rows.fault(request(number, text=SECRET))
    [logged] = logs
    assert logged["error"] == "ValueError"
    assert logged["place"].startswith("vertex_rows.py:")
    assert SECRET not in str(logged)


def test_a_machine_without_memory_is_no_fault_of_the_line() -> None:
    with pytest.raises(MemoryError):
        VertexRows(Tripping(MemoryError)).row(request(1, text=SECRET))
