"""What was found in a job's input, whichever way a provider reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simulators.native.problems import Problem

NO_ANSWER = 0
"""The status of a line that gets no answer at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How many lines there are, and `marked`: those that will fail, from index to HTTP status, in order."""

    lines: int = 0
    problems: tuple[Problem, ...] = ()
    marked: Mapping[int, int] = field(default_factory=dict)


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of an input file; blank ones are not lines."""
    with path.open("rb") as file:
        for line in file:
            if stripped := line.strip():
                yield stripped
