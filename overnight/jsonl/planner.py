"""Cuts a batch into chunks and shards while its lines go by."""

from collections.abc import Sequence

from overnight.domain.plan import (
    MAX_CHUNK_BYTES,
    MAX_CHUNK_LINES,
    MAX_SHARD_BYTES,
    MAX_SHARD_CHUNKS,
    MAX_SHARD_LINES,
    Chunk,
    ShardPlan,
)


class Planner:
    """Makes every chunk, and every shard, as large as its bounds let it be.

    A chunk runs from the first byte of its first request to the last byte of its last: blank lines
    around it belong to no chunk, those inside count towards its bytes. A request that is larger than a
    chunk may be is a chunk of its own.
    """

    def __init__(self) -> None:
        self._start = self._end = 0
        self._open_lines = 0
        self._lines = 0
        self._chunks: list[Chunk] = []
        self._shards: list[ShardPlan] = []

    @property
    def lines(self) -> int:
        """How many requests there have been."""
        return self._lines

    def add(self, offset: int, lengths: Sequence[int]) -> None:
        """Take in requests that follow each other from `offset`, each `lengths[i]` bytes and a newline."""
        end = offset + sum(lengths) + len(lengths) - 1
        if self._fits(len(lengths), end):
            self._extend(offset, end, len(lengths))
        elif len(lengths) == 1:
            self._close_chunk()
            self._extend(offset, end, 1)
        else:
            # Halving finds the line to cut before without looking at every one of them.
            half = len(lengths) // 2
            self.add(offset, lengths[:half])
            self.add(offset + sum(lengths[:half]) + half, lengths[half:])

    def finish(self) -> tuple[ShardPlan, ...]:
        """Return the shards of all that was added."""
        self._close_chunk()
        self._close_shard()
        return tuple(self._shards)

    def _fits(self, lines: int, end: int) -> bool:
        return (
            self._open_lines > 0
            and self._open_lines + lines <= MAX_CHUNK_LINES
            and end - self._start <= MAX_CHUNK_BYTES
        )

    def _extend(self, offset: int, end: int, lines: int) -> None:
        if not self._open_lines:
            self._start = offset
        self._end = end
        self._open_lines += lines
        self._lines += lines

    def _close_chunk(self) -> None:
        if not self._open_lines:
            return
        first_index = self._lines - self._open_lines
        chunk = Chunk(self._start, self._end - self._start, first_index, self._open_lines)
        if not self._shard_takes(chunk):
            self._close_shard()
        self._chunks.append(chunk)
        self._open_lines = 0

    def _shard_takes(self, chunk: Chunk) -> bool:
        return (
            len(self._chunks) < MAX_SHARD_CHUNKS
            and sum(other.lines for other in self._chunks) + chunk.lines <= MAX_SHARD_LINES
            and sum(other.length for other in self._chunks) + chunk.length <= MAX_SHARD_BYTES
        )

    def _close_shard(self) -> None:
        if self._chunks:
            self._shards.append(ShardPlan(tuple(self._chunks)))
            self._chunks = []
