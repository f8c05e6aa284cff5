"""A line's outcome as it is kept in a checkpoint, and the frame it is kept in.

A part begins with a mark that names the format, and then says whose answers they are, as JSON behind its
length. Then each record is a head of fixed size and two strings of bytes whose lengths it gives. Integers are
little-endian. Parts of the format before, which did not say whose they are, can still be read.
"""

import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator

import msgspec

from overnight.outcomes.errors import UnreadableCheckpoint

_MARK = b"overnight part 2\n"
_OLD_MARK = b"overnight part 1\n"
_SOURCE_SIZE = struct.Struct("<H")
_HEAD = struct.Struct("<I?QHI")
_OLD_HEAD = struct.Struct("<I?QQQQHI")
_LONGEST_MODEL = 2**16 - 1


class Source(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who has given the outcomes of a part: a deployment, by its id, and in which of the provider's jobs."""

    deployment: str | None = None
    job: str | None = None


NOBODY = Source()
"""The source of lines that nobody was asked for, and of what an earlier version has kept."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One line's outcome: its result line, without a newline, and whether that is for the output file.

    `tokens` is for showing progress; what the line used of each kind stands in the result line itself.
    """

    index: int
    ok: bool
    line: bytes
    tokens: int = 0
    model: str | None = None
    source: Source = NOBODY


_encode_source = msgspec.json.Encoder().encode
_decode_source = msgspec.json.Decoder(Source).decode


def part_head(source: Source) -> bytes:
    """Return what a part begins with."""
    told = _encode_source(source)
    return b"".join((_MARK, _SOURCE_SIZE.pack(len(told)), told))


def pack_record(record: Record) -> bytes:
    """Return the record in its frame."""
    line = record.line
    model = record.model.encode()[:_LONGEST_MODEL] if record.model else b""
    head = _HEAD.pack(record.index, record.ok, record.tokens, len(model), len(line))
    return b"".join((head, model, line))


def pack_part(records: Iterable[Record], *, source: Source) -> bytes:
    """Return a whole part. That the records have a source of their own does not matter."""
    return part_head(source) + b"".join(map(pack_record, records))


async def unpack_part(content: AsyncIterator[bytes], *, key: str) -> AsyncGenerator[Record, None]:
    """Yield a part's records as its bytes arrive. Raises UnreadableCheckpoint, naming `key`."""
    reader = _Reader(key)
    async for block in content:
        for record in reader.feed(block):
            yield record
    reader.finish()


class _Reader:
    """What has arrived of a part and was not taken yet."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._held = bytearray()
        self._source: Source | None = None
        self._old = False

    def feed(self, block: bytes) -> Iterator[Record]:
        """Take in more, and yield every record that is whole."""
        self._held += block
        if self._source is None:
            self._source = self._take_head()
        if self._source is not None:
            yield from self._take_records(self._source)

    def finish(self) -> None:
        """See that nothing is left over."""
        if self._held or self._source is None:
            raise UnreadableCheckpoint(self._key)

    def _take_head(self) -> Source | None:
        held, size = self._held, len(_MARK) + _SOURCE_SIZE.size
        self._old = held.startswith(_OLD_MARK)
        if self._old:
            del held[: len(_OLD_MARK)]
            return NOBODY
        if not _MARK.startswith(held[: len(_MARK)]) and not _OLD_MARK.startswith(held[: len(_MARK)]):
            raise UnreadableCheckpoint(self._key)
        if len(held) < size:
            return None
        end = size + _SOURCE_SIZE.unpack_from(held, len(_MARK))[0]
        if len(held) < end:
            return None
        try:
            source = _decode_source(bytes(held[size:end]))
        except msgspec.DecodeError:
            raise UnreadableCheckpoint(self._key) from None
        del held[:end]
        return source

    def _take_records(self, source: Source) -> Iterator[Record]:
        held, start = self._held, 0
        frame = _OLD_HEAD if self._old else _HEAD
        found = []
        while (body := start + frame.size) <= len(held):
            index, ok, *tokens, model_size, line_size = frame.unpack_from(held, start)
            line = body + model_size
            if line + line_size > len(held):
                break
            model = held[body:line].decode(errors="replace") or None
            # The old format has tokens of input, cached, of output, of reasoning.
            used = tokens[0] + tokens[2] if self._old else tokens[0]
            found.append(Record(index, ok, bytes(held[line : line + line_size]), used, model, source))
            start = line + line_size
        del held[:start]
        return iter(found)
