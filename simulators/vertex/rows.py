"""The rows of a job's input, and what each becomes in its output: one kind of row per family of models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import msgspec

from simulators.native.manner import Json
from simulators.vertex.words import CODES, NUMBERS, ROW_FAILURES

Row = Mapping[str, msgspec.Raw]
"""A row as it came: every field's bytes are kept, so that what is echoed is echoed exactly."""

read_row = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_GATEWAY_TIMEOUT = 504
_ADDED = {"status", "processed_time", "response"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a row failed. `status` is HTTP's; `body` is the error as the model's own API words it."""

    status: int
    message: str
    body: Json

    @property
    def told(self) -> str:
        """What the row's `status` is: never empty."""
        return f"{ROW_FAILURES[self.status][0]}: {json.dumps(self.body)}"

    @property
    def number(self) -> int:
        """The code that `google.rpc.Status` has for it."""
        return NUMBERS[CODES[self.status]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What else a row's outcome tells of: the model that answered, when, and under which job."""

    model: str
    processed_time: str
    create_time: str
    key_field: str | None
    parameters: Mapping[str, Any]


class RowKind(Protocol):
    """How the models of one family take and answer rows."""

    @property
    def most_rows(self) -> int:
        """How many one job may have."""

    def fault(self, row: Row) -> str | None:
        """Say what is wrong with a row, in the model's words; None: nothing."""

    def failure(self, status: int, message: str) -> Failure:
        """Word a failure as the model's API does."""

    def answered(self, row: Row, occasion: Occasion) -> Json:
        """Return the output row of one that was answered."""

    def failed(self, row: Row, failure: Failure, occasion: Occasion) -> Json:
        """Return the output row of one that was not."""

    def instance(self, row: Row) -> Json:
        """Return what an errors file shows of a row."""


def failure_of(kind: RowKind, row: Row, status: int) -> Failure:
    """Return why a row fails with this HTTP status: for what is wrong with it, or for no fault of its own."""
    known = status if status in ROW_FAILURES else _GATEWAY_TIMEOUT if status == 0 else 500
    message = (kind.fault(row) if known == 400 else None) or ROW_FAILURES[known][1]
    return kind.failure(known, message)


def google_failure(status: int, message: str) -> Failure:
    """Word a failure in Google's envelope."""
    error = {"code": status, "message": message, "status": CODES[status]}
    return Failure(status=status, message=message, body={"error": error})


def told(occasion: Occasion, failure: Failure | None = None) -> Json:
    """Return what every row begins with that goes through Gemini's pipeline."""
    return {"status": failure.told if failure else "", "processed_time": occasion.processed_time}


def echoed(row: Row) -> Json:
    """Return what comes back of a row: all of it, but for what an earlier job has added to it."""
    return {name: value for name, value in row.items() if name not in _ADDED}


def decoded(raw: msgspec.Raw | None) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a row's field; None when it has none."""
    return None if raw is None else msgspec.json.decode(raw)


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Return a list, for which a single value may stand, or nothing at all."""
    return value if isinstance(value, list) else [] if value is None else [value]


def field_of(said: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    """Return a field of Google's JSON, which may be written in either of its two ways."""
    return said[name] if name in said else said.get(snake(name))


@cache
def snake(name: str) -> str:
    """Return a field's name as the protocol buffer has it."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def both_ways(names: Iterable[str]) -> frozenset[str]:
    """Return fields' names in both ways in which they may be written."""
    return frozenset(each for name in names for each in (name, snake(name)))
