"""Reading an input file as a provider validates it: line by line, all that is wrong in one list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from simulators.faults import FaultKind, marked_fault
from simulators.native.problems import Problem, ProblemKind
from simulators.native.rules import Rules
from simulators.native.scan import NO_ANSWER, Scan, lines_of

_FIELDS = ("custom_id", "method", "url", "body")
_BYTES_A_TOKEN = 4


class _Body(msgspec.Struct):
    model: Any = None
    stream: Any = None
    metadata: Any = None


_read_line = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_body = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class FileScan(Scan):
    """What an input file holds; its lines fail because they ask for it."""

    tokens: int = 0
    model: str | None = None


def bare(url: str) -> str:
    """Return an endpoint without its version, which Azure's callers may leave out."""
    return url.removeprefix("/v1")


def scan(path: Path, *, endpoint: str, rules: Rules) -> FileScan:
    """Validate an input file against the endpoint of its job. A token is 4 bytes of body."""
    scanner = _Scanner(endpoint, rules)
    for line in lines_of(path):
        scanner.take(line)
    return scanner.result()


class _Scanner:
    def __init__(self, endpoint: str, rules: Rules) -> None:
        self._endpoint = bare(endpoint)
        self._rules = rules
        self._lines = 0
        self._tokens = 0
        self._model: str | None = None
        self._ids: set[bytes] = set()
        self._problems: list[Problem] = []
        self._marked: dict[int, int] = {}

    def take(self, line: bytes) -> None:
        self._lines += 1
        if self._lines > self._rules.max_lines:
            return
        try:
            fields = _read_line(line)
        except msgspec.DecodeError:
            self._found(ProblemKind.NOT_JSON)
            return
        if missing := next((name for name in _FIELDS if name not in fields), None):
            self._found(ProblemKind.MISSING_FIELD, missing)
            return
        self._check(fields)

    def result(self) -> FileScan:
        if not self._lines:
            self._problems = [Problem(ProblemKind.EMPTY_FILE)]
        if self._lines > self._rules.max_lines:
            self._problems = [Problem(ProblemKind.TOO_MANY_LINES, subject=f"{self._rules.max_lines:,}")]
        return FileScan(
            lines=self._lines,
            tokens=self._tokens,
            model=self._model,
            problems=tuple(self._problems),
            marked=self._marked,
        )

    def _check(self, fields: Mapping[str, msgspec.Raw]) -> None:
        custom_id = bytes(fields["custom_id"])
        if custom_id in self._ids:
            self._found(ProblemKind.DUPLICATE_ID, _text(fields["custom_id"]))
        self._ids.add(custom_id)
        if _text(fields["method"]) != "POST":
            self._found(ProblemKind.WRONG_METHOD, _text(fields["method"]))
        if bare(_text(fields["url"])) != self._endpoint:
            self._found(ProblemKind.WRONG_URL)
        self._tokens += len(memoryview(fields["body"])) // _BYTES_A_TOKEN
        try:
            body = _read_body(fields["body"])
        except msgspec.DecodeError:
            self._found(ProblemKind.MISSING_FIELD, "body")
            return
        self._check_model(body.model)
        if body.stream:
            self._found(ProblemKind.STREAMING)
        self._mark(body)

    def _check_model(self, model: object) -> None:
        if not isinstance(model, str) or not model:
            self._found(ProblemKind.NO_MODEL)
        elif self._rules.models is not None and model not in self._rules.models:
            self._found(ProblemKind.UNKNOWN_MODEL, model)
        elif self._model not in {None, model}:
            self._found(ProblemKind.OTHER_MODEL, model)
        else:
            self._model = model

    def _mark(self, body: _Body) -> None:
        """Note a line that asks for its failure as a request to the endpoint simulator does."""
        if body.metadata is None:
            return
        try:
            fault = marked_fault({"metadata": body.metadata})
        except ValueError:
            return
        if fault and fault.kind in {FaultKind.STATUS, FaultKind.HANG}:
            self._marked[self._lines - 1] = fault.status if fault.kind is FaultKind.STATUS else NO_ANSWER

    def _found(self, kind: ProblemKind, subject: str = "") -> None:
        self._problems.append(Problem(kind, self._lines, subject))


def _text(raw: msgspec.Raw) -> str:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else str(value)
