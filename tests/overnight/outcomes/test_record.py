"""How outcomes are kept, and come back."""

from collections.abc import AsyncIterator

import pytest

from overnight.domain.usage import Usage
from overnight.outcomes import Record, UnreadableCheckpoint
from overnight.outcomes.record import pack_part, unpack_part


@pytest.mark.parametrize("block", [1, 7, 10_000])
async def test_records_come_back_from_a_part_however_its_bytes_are_cut(block: int) -> None:
    records = [
        Record(index=0, ok=True, line=b'{"a":1}', usage=Usage(1, 2, 3, 4), model="modèle"),
        Record(index=2**31, ok=False, line=b""),
        Record(index=7, ok=True, line=b"x" * 5000, usage=Usage(2**53 - 1)),
    ]
    content = pack_part(records)

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(content), block):
            yield content[start : start + block]

    assert [record async for record in unpack_part(cut(), key="k")] == records


@pytest.mark.parametrize(
    "content", [b"", b"overnight", b"overnight part 2\n", b"overnight part 1\nhalf"], ids=str
)
async def test_what_is_no_whole_part_of_this_version_is_named(content: bytes) -> None:
    async def whole() -> AsyncIterator[bytes]:
        yield content

    with pytest.raises(UnreadableCheckpoint, match="key=work/here"):
        _ = [record async for record in unpack_part(whole(), key="work/here")]
