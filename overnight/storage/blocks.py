"""Streams cut anew: a store wants few large blocks, whatever the network delivered."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TypeAlias

Block: TypeAlias = Sequence[bytes]
"""Bytes to be written together, in pieces none of which is so small that a write of its own is a waste."""

BLOCK_BYTES = 2**20
"""How much a reader is given at a time."""

GATHERED_BYTES = 4 * 2**20
"""How much a writer's thread is given at a time: handing it over costs as much as writing 256 KiB."""

_PIECE_BYTES = 64 * 2**10
"""Pieces below this are joined. Larger ones are passed on as they are: a copy costs as much as the write."""


async def gathered(content: AsyncIterator[bytes]) -> AsyncGenerator[Block, None]:
    """Yield the bytes of `content` in blocks of at least GATHERED_BYTES, but for the last."""
    block: list[bytes] = []
    crumbs: list[bytes] = []
    in_block = in_crumbs = 0
    async for piece in content:
        crumbs.append(piece)
        in_crumbs += len(piece)
        if in_crumbs >= _PIECE_BYTES:
            # One that came alone is not copied: joining it returns it.
            block.append(b"".join(crumbs))
            in_block += in_crumbs
            crumbs, in_crumbs = [], 0
        if in_block >= GATHERED_BYTES:
            yield block
            block, in_block = [], 0
    if crumbs:
        block.append(b"".join(crumbs))
    if block:
        yield block
