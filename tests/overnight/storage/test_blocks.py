from collections.abc import AsyncIterator, Iterable

from overnight.storage.blocks import GATHERED_BYTES, gathered

KIB = 2**10


async def stream(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_large_pieces_are_not_copied_on_their_way() -> None:
    pieces = [bytes([n]) * 256 * KIB for n in range(20)]
    blocks = [block async for block in gathered(stream(pieces))]
    passed_on = [piece for block in blocks for piece in block]
    assert all(a is b for a, b in zip(passed_on, pieces, strict=True))


async def test_small_pieces_are_joined_until_a_write_is_worth_it() -> None:
    pieces = [bytes([n % 256]) * 100 for n in range(50_000)]
    blocks = [block async for block in gathered(stream(pieces))]
    assert b"".join(piece for block in blocks for piece in block) == b"".join(pieces)
    assert all(len(piece) >= 64 * KIB for block in blocks for piece in block[:-1])


async def test_all_blocks_but_the_last_are_full() -> None:
    blocks = [block async for block in gathered(stream([b"x" * 100 * KIB] * 100))]
    sizes = [sum(map(len, block)) for block in blocks]
    assert len(sizes) == 3
    assert all(GATHERED_BYTES <= size < GATHERED_BYTES + 100 * KIB for size in sizes[:-1])


async def test_nothing_is_no_bytes() -> None:
    assert [b"".join(block) async for block in gathered(stream([]))] == []
