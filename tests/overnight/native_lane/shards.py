"""A shard's input as it lies in storage, cut into chunks as a test wants it."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from overnight.domain.plan import Chunk, ShardPlan
from overnight.storage.memory import MemoryStorage

INPUT = "files/input"


def line(custom_id: str, **body: Any) -> bytes:
    request = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt", **body},
    }
    return json.dumps(request).encode() + b"\n"


async def blocks(*content: bytes) -> AsyncIterator[bytes]:
    for block in content:
        yield block


async def stored(
    storage: MemoryStorage, chunks: Sequence[bytes], *, before: bytes = b"", first_index: int = 0
) -> ShardPlan:
    """Store an input whose shard begins after `before`, with a request of index `first_index`."""
    await storage.put(INPUT, blocks(before, *chunks))
    planned, offset, index = [], len(before), first_index
    for chunk in chunks:
        lines = sum(bool(each.strip()) for each in chunk.split(b"\n"))
        planned.append(Chunk(offset=offset, length=len(chunk), first_index=index, lines=lines))
        offset, index = offset + len(chunk), index + lines
    return ShardPlan(tuple(planned))
