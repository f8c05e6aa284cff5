"""The requests of a chunk, read from the input file as they are needed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from overnight.domain.plan import Chunk
from overnight.jsonl import Request, read_requests
from overnight.jsonl.lines import LineSplitter, Slab
from overnight.storage.protocol import Storage


async def read_chunk(storage: Storage, key: str, chunk: Chunk) -> AsyncGenerator[Request, None]:
    """Yield the chunk's requests in order, with no more in memory than a slab of lines or one long line.

    Raises StorageError.
    """
    index = chunk.first_index
    async with aclosing(_slabs(storage, key, chunk)) as slabs:
        async for slab in slabs:
            for request in read_requests(b"\n".join(slab.lines), first_index=index):
                index += 1
                yield request


async def _slabs(storage: Storage, key: str, chunk: Chunk) -> AsyncGenerator[Slab, None]:
    splitter = LineSplitter()
    async for block in storage.get(key, start=chunk.offset, end=chunk.offset + chunk.length):
        for slab in splitter.feed(block):
            yield slab
    for slab in splitter.finish():
        yield slab
