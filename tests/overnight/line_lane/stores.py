"""Storages that are slow, or full, when a test wants them to be."""

import asyncio
from collections.abc import AsyncIterator

from overnight.domain.errors import StorageFull
from overnight.storage.memory import MemoryStorage
from overnight.storage.protocol import StoredObject


class SlowStorage(MemoryStorage):
    """A storage that takes nothing while it is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        await self.open.wait()
        return await super().put(key, content)


class FullStorage(MemoryStorage):
    """A storage with room for the input and for nothing after it."""

    full = False

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        if self.full:
            raise StorageFull("no room left", key=key)
        return await super().put(key, content)
