"""The outcomes of one chunk's lines, which come in any order, from any attempt, and leave in input order."""

from array import array
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

from overnight.domain.plan import Chunk
from overnight.outcomes.record import Record
from overnight.outcomes.scratch import Scratch

_ABSENT = -1


class ChunkOutcomes:
    """Result lines on scratch, and some memory for each. A line's first outcome is the one that counts."""

    def __init__(self, chunk: Chunk) -> None:
        self._first_index = chunk.first_index
        self._offsets = array("q", [_ABSENT]) * chunk.lines
        self._lengths = array("q", [0]) * chunk.lines
        self._records: list[Record | None] = [None] * chunk.lines
        self._scratch = Scratch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scratch.__exit__(kind, error, trace)

    def add(self, record: Record) -> bool:
        """Keep the outcome of a line, unless it has one already. Returns whether it was kept."""
        number = record.index - self._first_index
        if self._offsets[number] != _ABSENT:
            return False
        self._offsets[number] = self._scratch.append(record.line)
        self._lengths[number] = len(record.line)
        self._records[number] = msgspec.structs.replace(record, line=b"")
        return True

    def missing(self) -> set[int]:
        """Return the batch-wide indices of the lines without an outcome."""
        return {self._first_index + n for n, offset in enumerate(self._offsets) if offset == _ABSENT}

    def records(self) -> Iterator[Record]:
        """Yield the outcomes in input order; those of lines that have one."""
        for record, offset, length in zip(self._records, self._offsets, self._lengths, strict=True):
            if record is not None:
                yield msgspec.structs.replace(record, line=self._scratch.read(offset, length))
