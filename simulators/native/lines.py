"""A job's lines in the order in which its results tell them."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from typing import IO, Any

from simulators.native.course import Course


def told(job: Course[Any]) -> Iterator[tuple[int, bytes, int]]:
    """Yield the index and line of every result, and how often it is told, as the job's fate has it.

    Nothing is kept in memory but one offset a line. It blocks: for a thread.
    """
    for index, line in _numbered(job):
        if not _is_hit(index, job.fate.lose_every):
            yield index, line, 2 if _is_hit(index, job.fate.duplicate_every) else 1


def _is_hit(index: int, every: int | None) -> bool:
    return bool(every) and (index + 1) % (every or 1) == 0


def _numbered(job: Course[Any]) -> Iterator[tuple[int, bytes]]:
    """Yield every line with its index, shuffled if the job's fate is that: always in the same wrong order."""
    with job.input.open("rb") as file:
        offsets = array("Q", _offsets(file))
        order: list[int] | range = range(len(offsets))
        if job.fate.shuffle:
            order = list(order)
            random.Random(job.id).shuffle(order)  # noqa: S311 - not for secrets
        for index in order:
            file.seek(offsets[index])
            yield index, file.readline()


def _offsets(file: IO[bytes]) -> Iterator[int]:
    offset = 0
    for line in file:
        if line.strip():
            yield offset
        offset += len(line)
