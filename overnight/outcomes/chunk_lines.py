"""The requests of a chunk, or their hashes, read from the input file as they are needed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from overnight.domain.plan import Chunk
from overnight.jsonl import Request, read_requests
from overnight.jsonl.lines import LineSplitter, Slab
from overnight.jsonl.requests import is_blank
from overnight.outcomes.receipt_line import digest
from overnight.storage.protocol import Storage


async def read_chunk(storage: Storage, key: str, chunk: Chunk) -> AsyncGenerator[Request, None]:
    """Yield the chunk's requests in order, as `read_slabs` reads them. Raises StorageError."""
    async with aclosing(read_slabs(storage, key, chunk)) as slabs:
        async for slab in slabs:
            for request in slab:
                yield request


async def read_slabs(storage: Storage, key: str, chunk: Chunk) -> AsyncGenerator[list[Request], None]:
    """Yield the chunk's requests some at a time: some hundred kilobytes of them, or one that is longer.

    Raises StorageError.
    """
    index = chunk.first_index
    async with aclosing(_split(storage, key, chunk)) as slabs:
        async for slab in slabs:
            requests = [*read_requests(b"\n".join(slab.lines), first_index=index)]
            index += len(requests)
            yield requests


async def read_digests(storage: Storage, key: str, chunk: Chunk) -> AsyncGenerator[str, None]:
    """Yield the hash of every line of the chunk that is a request, in order. Raises StorageError."""
    async with aclosing(_split(storage, key, chunk)) as slabs:
        async for slab in slabs:
            for line in slab.lines:
                if not is_blank(line):
                    yield digest(line)


async def _split(storage: Storage, key: str, chunk: Chunk) -> AsyncGenerator[Slab, None]:
    splitter = LineSplitter()
    async for block in storage.get(key, start=chunk.offset, end=chunk.offset + chunk.length):
        for slab in splitter.feed(block):
            yield slab
    for slab in splitter.finish():
        yield slab
