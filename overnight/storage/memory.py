"""Objects in memory: for tests and trials. It keeps the promises of the seam but one, durability."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from operator import attrgetter

from overnight.domain.errors import ObjectNotFound, StorageFull
from overnight.storage.blocks import BLOCK_BYTES
from overnight.storage.keys import require_key, require_prefix
from overnight.storage.probe import probe
from overnight.storage.protocol import FoundObject, StoredObject


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryStorage:
    """A Storage that forgets. `capacity` in bytes makes it fill up as a disk does; None: it never does.

    It may be changed at any time.
    """

    def __init__(self, *, capacity: int | None = None, clock: Callable[[], datetime] = _now) -> None:
        self._objects: dict[str, bytes] = {}
        self._written_at: dict[str, datetime] = {}
        self.capacity = capacity
        self._clock = clock

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        """Store `content`; see Storage."""
        require_key(key)
        gathered = bytearray()
        async for block in content:
            gathered += block
            if self.capacity is not None and self._used() + len(gathered) > self.capacity:
                raise StorageFull("no room left in memory", key=key)
        self._objects[key] = bytes(gathered)
        self._written_at[key] = self._clock()
        return StoredObject(key, len(gathered))

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream a range of the object; see Storage."""
        content = self._content(key)
        stop = len(content) if end is None else min(end, len(content))
        for offset in range(start, stop, BLOCK_BYTES):
            yield content[offset : min(offset + BLOCK_BYTES, stop)]

    async def size(self, key: str) -> int:
        """Return the object's size in bytes; see Storage."""
        return len(self._content(key))

    async def delete(self, key: str) -> None:
        """Remove the object, if there is one; see Storage."""
        self._objects.pop(require_key(key), None)

    async def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield the objects below `prefix` in order; see Storage."""
        require_prefix(prefix)
        found = [
            FoundObject(key, len(content), self._written_at[key])
            for key, content in self._objects.items()
            if key.startswith(prefix)
        ]
        for each in sorted(found, key=attrgetter("key")):
            yield each

    async def free_bytes(self) -> int | None:
        """Return the room left under `capacity`; see Storage."""
        return None if self.capacity is None else self.capacity - self._used()

    async def check(self) -> None:
        """Raise StorageUnavailable unless it can be done; see Storage."""
        await probe(self)

    def _content(self, key: str) -> bytes:
        try:
            return self._objects[require_key(key)]
        except KeyError:
            raise ObjectNotFound(key) from None

    def _used(self) -> int:
        return sum(map(len, self._objects.values()))
