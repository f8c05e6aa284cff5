"""A line's outcome as it is kept in a checkpoint, and the frame it is kept in.

A part begins with a mark that names the format; then each record is a head of fixed size and two strings
of bytes whose lengths it gives. Integers are little-endian.
"""

import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import msgspec

from overnight.domain.usage import Usage
from overnight.outcomes.errors import UnreadableCheckpoint

PART_MARK = b"overnight part 1\n"
_HEAD = struct.Struct("<I?QQQQHI")
_LONGEST_MODEL = 2**16 - 1


class Record(msgspec.Struct, frozen=True, gc=False):
    """One line's outcome: its result line, without a newline, and whether that is for the output file."""

    index: int
    ok: bool
    line: bytes
    usage: Usage = Usage()
    model: str | None = None


def pack_record(record: Record) -> bytes:
    """Return the record in its frame."""
    usage, line = record.usage, record.line
    model = record.model.encode()[:_LONGEST_MODEL] if record.model else b""
    head = _HEAD.pack(
        record.index,
        record.ok,
        usage.input,
        usage.cached,
        usage.output,
        usage.reasoning,
        len(model),
        len(line),
    )
    return b"".join((head, model, line))


def pack_part(records: Iterable[Record]) -> bytes:
    """Return a whole part."""
    return PART_MARK + b"".join(map(pack_record, records))


async def unpack_part(content: AsyncIterator[bytes], *, key: str) -> AsyncGenerator[Record, None]:
    """Yield a part's records as its bytes arrive. Raises UnreadableCheckpoint, naming `key`."""
    held = bytearray()
    marked = False
    async for block in content:
        held += block
        if not marked and len(held) >= len(PART_MARK):
            _take_mark(held, key)
            marked = True
        if marked:
            for record in _take_records(held):
                yield record
    if held or not marked:
        raise UnreadableCheckpoint(key)


def _take_mark(held: bytearray, key: str) -> None:
    if held[: len(PART_MARK)] != PART_MARK:
        raise UnreadableCheckpoint(key)
    del held[: len(PART_MARK)]


def _take_records(held: bytearray) -> list[Record]:
    """Take every whole record off the front of `held`."""
    records, start = [], 0
    while (body := start + _HEAD.size) <= len(held):
        index, ok, read, cached, written, reasoning, model_size, line_size = _HEAD.unpack_from(held, start)
        line = body + model_size
        if line + line_size > len(held):
            break
        model = held[body:line].decode(errors="replace") or None
        usage = Usage(read, cached, written, reasoning)
        records.append(Record(index, ok, bytes(held[line : line + line_size]), usage, model))
        start = line + line_size
    del held[:start]
    return records
