"""Blocks in, whole lines out: where a block is cut makes no difference to what comes out.

Lines leave in slabs, some hundred kilobytes at a time, because a call a line would cost more than
reading the line does.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from overnight.domain.plan import MAX_LINE_BYTES

SLAB_BYTES = 256 * 2**10
_DECODED_AT_ONCE = 2**20

Line = bytes | bytearray
"""One line without its newline; a carriage return before it is still there."""


@dataclass(slots=True)
class Slab:
    """Lines that follow each other: the first is number `number` (1-based), at byte `offset`.

    `utf8` says whether every line is valid UTF-8; `too_long` that the single line in it is over the
    limit, and its bytes are not to be counted on.
    """

    lines: Sequence[Line]
    number: int
    offset: int
    utf8: bool
    too_long: bool = False


class LineSplitter:
    """Cuts a stream into lines, and holds no more than one line of at most `limit` bytes."""

    def __init__(self, *, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._slab_bytes = min(SLAB_BYTES, limit)
        self._open = bytearray()
        self._open_length = 0
        self._number = 1
        self._offset = 0

    def feed(self, block: bytes) -> Iterator[Slab]:
        """Yield the lines that end in `block`."""
        start = 0
        if self._open_length:
            start = block.find(b"\n") + 1
            if not start:
                self._hold(block)
                return
            self._hold(block[: start - 1])
            yield self._close()
        while (stop := self._end_of_slab(block, start)) >= 0:
            yield self._cut(block[start:stop])
            start = stop + 1
        self._hold(block[start:])

    def finish(self) -> Iterator[Slab]:
        """Yield the last line, if the input does not end in a newline."""
        if self._open_length:
            yield self._close()

    def _end_of_slab(self, block: bytes, start: int) -> int:
        """Return where the last newline is that the slab reaches, or else the first one beyond, or -1."""
        reach = start + self._slab_bytes
        stop = block.rfind(b"\n", start, reach)
        return stop if stop >= 0 else block.find(b"\n", reach)

    def _hold(self, piece: bytes) -> None:
        self._open_length += len(piece)
        if self._open_length <= self._limit:
            self._open += piece
        else:
            self._open = bytearray()

    def _close(self) -> Slab:
        line = self._open if self._open_length <= self._limit else bytearray()
        length = self._open_length
        self._open, self._open_length = bytearray(), 0
        return self._slab([line], length, utf8=is_utf8(line))

    def _cut(self, region: bytes) -> Slab:
        return self._slab(region.split(b"\n"), len(region), utf8=is_utf8(region))

    def _slab(self, lines: Sequence[Line], length: int, *, utf8: bool) -> Slab:
        # Only a single line can be longer than the limit, since a slab of several is shorter.
        slab = Slab(lines, number=self._number, offset=self._offset, utf8=utf8, too_long=length > self._limit)
        self._number += len(lines)
        self._offset += length + 1
        return slab


def is_utf8(data: Line) -> bool:
    """Say whether `data` is valid UTF-8, without decoding more of it at once than memory should hold."""
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _DECODED_AT_ONCE):
            decoder.decode(data[start : start + _DECODED_AT_ONCE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
