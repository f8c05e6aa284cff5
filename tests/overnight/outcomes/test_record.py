"""How outcomes are kept, and come back."""

import struct
from collections.abc import AsyncIterator

import pytest

from overnight.outcomes import Record, Source, UnreadableCheckpoint
from overnight.outcomes.record import pack_part, unpack_part


@pytest.mark.parametrize("block", [1, 7, 10_000])
async def test_records_come_back_from_a_part_however_its_bytes_are_cut(block: int) -> None:
    source = Source(deployment="dep_1", job="batch_é")
    records = [
        Record(index=0, ok=True, line=b'{"a":1}', tokens=4, model="modèle", source=source),
        Record(index=2**31, ok=False, line=b"", source=source),
        Record(index=7, ok=True, line=b"x" * 5000, tokens=2**53 - 1, source=source),
    ]
    content = pack_part(records, source=source)
    assert [record async for record in unpack_part(_cut(content, block), key="k")] == records


@pytest.mark.parametrize("block", [1, 7, 10_000])
async def test_what_an_earlier_version_has_kept_can_be_read(block: int) -> None:
    head = struct.pack("<IBQQQQHI", 3, 1, 5, 2, 7, 1, 1, 2)
    content = b"overnight part 1\n" + 2 * (head + b"m{}")
    record = Record(index=3, ok=True, line=b"{}", tokens=12, model="m")
    assert [each async for each in unpack_part(_cut(content, block), key="k")] == [record, record]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"overnight",
        b"overnight part 2\n",
        b"overnight part 2\n\x02\x00{}half",
        b"overnight part 2\n\x02\x00{x",
        b"overnight part 3\n\x02\x00{}",
        b"overnight part 1\nhalf",
    ],
    ids=str,
)
async def test_what_is_no_whole_part_of_this_version_is_named(content: bytes) -> None:
    async def whole() -> AsyncIterator[bytes]:
        yield content

    with pytest.raises(UnreadableCheckpoint, match="key=work/here"):
        _ = [record async for record in unpack_part(whole(), key="work/here")]


async def _cut(content: bytes, block: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), block):
        yield content[start : start + block]
