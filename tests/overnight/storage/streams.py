"""Contents for stores, and what comes back."""

from collections.abc import AsyncIterator, Iterable

from overnight.storage.protocol import Storage, StoredObject

MIB = 2**20


class ProducerBroke(Exception):
    pass


async def stream(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def breaks_after(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
    raise ProducerBroke


def pattern(size: int) -> bytes:
    """Return bytes of which no two places that are near look alike."""
    numbers = b"".join(number.to_bytes(4) for number in range(size // 4 + 1))
    return numbers[:size]


async def put(storage: Storage, key: str, *blocks: bytes) -> StoredObject:
    return await storage.put(key, stream(blocks))


async def read(storage: Storage, key: str, *, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([block async for block in storage.get(key, start=start, end=end)])


async def keys(storage: Storage, prefix: str = "") -> list[str]:
    return [found.key async for found in storage.list(prefix)]
