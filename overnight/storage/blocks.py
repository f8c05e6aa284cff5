"""Streams cut anew: a store wants few large blocks, whatever the network delivered."""

from collections.abc import AsyncGenerator, AsyncIterator

BLOCK_BYTES = 2**20


async def gathered(content: AsyncIterator[bytes], *, size: int = BLOCK_BYTES) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of `content` in blocks of at least `size`, but for the last."""
    pieces: list[bytes] = []
    held = 0
    async for piece in content:
        pieces.append(piece)
        held += len(piece)
        if held >= size:
            yield b"".join(pieces)
            pieces.clear()
            held = 0
    if held:
        yield b"".join(pieces)
