"""Room that is promised once: what the free bytes of one disk are worth to uploads that run at once."""

from collections.abc import AsyncIterator

import pytest

from api.room import Room
from overnight.domain.errors import StorageFull
from overnight.storage.memory import MemoryStorage
from overnight.storage.protocol import Storage


def room(storage: Storage | None = None) -> Room:
    return Room(storage or MemoryStorage(capacity=1_000), factor=3, reserved=100, step=50)


async def zeros(size: int) -> AsyncIterator[bytes]:
    yield bytes(size)


async def test_two_uploads_at_once_are_not_promised_the_same_bytes() -> None:
    shared = room()
    async with shared.promised(200, key="files/a"):
        with pytest.raises(StorageFull):
            async with shared.promised(200, key="files/b"):
                pass
        async with shared.promised(100, key="files/c"):
            pass


async def test_what_was_promised_is_free_again_once_the_upload_has_ended() -> None:
    shared = room()
    for _ in range(2):
        async with shared.promised(300, key="files/a"):
            pass


async def test_what_has_arrived_is_not_counted_twice() -> None:
    storage = MemoryStorage(capacity=1_000)
    shared = room(storage)
    async with shared.promised(200, key="files/a") as promise:
        await promise.fill(200)
        await storage.put("files/a", zeros(200))
        # 800 are free: 400 of them are for the results of the first, 100 for nobody.
        async with shared.promised(100, key="files/b"):
            pass
        with pytest.raises(StorageFull):
            async with shared.promised(101, key="files/b"):
                pass


async def test_one_of_unknown_length_gets_room_step_by_step_until_there_is_none() -> None:
    storage = MemoryStorage(capacity=1_000)
    async with room(storage).promised(0, key="files/a") as promise:
        for _ in range(15):
            await promise.fill(20)
            await storage.put(f"files/{promise.arrived}", zeros(20))
        with pytest.raises(StorageFull):
            await promise.fill(20)


async def test_a_piece_may_be_larger_than_a_step() -> None:
    async with room().promised(0, key="files/a") as promise:
        await promise.fill(290)
        assert promise.size == 300


async def test_a_store_without_bounds_has_room_for_everything() -> None:
    async with room(MemoryStorage()).promised(10**15, key="files/a"):
        pass
