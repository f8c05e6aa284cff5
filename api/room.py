"""Room on the disk for uploads and their results, of which no byte is promised twice.

Uploads that come in at once see the same free bytes. What each was promised and has not brought yet is
counted here, so that together they are not promised more than there is. It counts this process only; and
once an upload is in, the room for its results is no longer kept for it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from overnight.domain.errors import StorageFull
from overnight.storage.protocol import Storage


class Room:
    """The free bytes of `storage`, less `reserved`, handed out `factor` bytes for each of an upload.

    An upload that does not say how long it is gets room for `step` bytes at a time. One that comes in parts
    needs no more: what its parts have beyond their own bytes is enough for the file that they become.
    """

    def __init__(self, storage: Storage, *, factor: int, reserved: int, step: int) -> None:
        self._storage = storage
        self._factor = factor
        self._reserved = reserved
        self._step = step
        self._promises: set[Promise] = set()

    @asynccontextmanager
    async def promised(
        self, announced: int, *, key: str, stored_already: bool = False
    ) -> AsyncIterator["Promise"]:
        """Keep room for the object `key` of `announced` bytes as long as the block runs; 0 means unknown.

        What is `stored_already`, in parts that go once the object is there, needs that much less room. Raises
        StorageFull when there is none.
        """
        promise = Promise(self, key=key, factor=self._factor - stored_already)
        self._promises.add(promise)
        try:
            await self.extend(promise, by=announced)
            yield promise
        finally:
            self._promises.discard(promise)

    async def extend(self, promise: "Promise", *, by: int | None = None) -> None:
        """Promise room for `by` more bytes (None: for a step). Raises StorageFull."""
        more = self._step if by is None else by
        free = await self._storage.free_bytes()
        # No await from here on: what is counted as free must not be promised to another meanwhile.
        if free is not None and free < self._outstanding() + more * promise.factor + self._reserved:
            raise StorageFull("no room for an upload and its results", key=promise.key)
        promise.size += more

    def _outstanding(self) -> int:
        # What has arrived is no longer among the free bytes.
        return sum(promise.size * promise.factor - promise.arrived for promise in self._promises)


class Promise:
    """The room one upload has: `size` is what it may bring, `arrived` what it has brought, in bytes."""

    def __init__(self, room: Room, *, key: str, factor: int) -> None:
        self.key = key
        self.factor = factor
        self.size = 0
        self.arrived = 0
        self._room = room

    async def fill(self, size: int) -> None:
        """Note that `size` bytes have arrived. Raises StorageFull when there is no room for them."""
        while self.arrived + size > self.size:
            await self._room.extend(self)
        self.arrived += size
