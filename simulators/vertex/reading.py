"""Reading a job's input as Vertex AI does.

What it can't import fails the job; what is wrong with a row fails that row alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from simulators.native.problems import Problem, ProblemKind
from simulators.native.scan import Scan, lines_of
from simulators.vertex.importing import Table, Unfit
from simulators.vertex.rows import Row, RowKind, read_row
from simulators.vertex.rules import VertexRules

_BAD_REQUEST = 400


def scan_rows(path: Path, *, kind: RowKind, rules: VertexRules) -> Scan:
    """Read an input through. It blocks: for a thread."""
    most = min(kind.most_rows, rules.max_lines)
    table = Table() if rules.imports_strictly else None
    marked: dict[int, int] = {}
    lines = 0
    if path.stat().st_size > rules.max_input_bytes:
        return _failed(ProblemKind.TOO_MANY_LINES, f"{rules.max_input_bytes} bytes")
    for index, line in enumerate(lines_of(path)):
        lines += 1
        if lines > most:
            return _failed(ProblemKind.TOO_MANY_LINES, f"{most} rows")
        try:
            row = _imported(line, table)
        except msgspec.DecodeError as error:
            return _failed(ProblemKind.NOT_JSON, f"row {lines}: {error}", line=lines)
        except Unfit as unfit:
            return _failed(ProblemKind.NOT_IMPORTABLE, str(unfit), line=lines)
        if kind.fault(row) is not None:
            marked[index] = _BAD_REQUEST
    return Scan(lines=lines, marked=marked) if lines else _failed(ProblemKind.EMPTY_FILE)


def _imported(line: bytes, table: Table | None) -> Row:
    row: Mapping[str, msgspec.Raw] = read_row(line)
    if table is not None:
        table.take(msgspec.json.decode(line))
    return row


def _failed(kind: ProblemKind, subject: str = "", *, line: int | None = None) -> Scan:
    return Scan(problems=(Problem(kind, line, subject),))
