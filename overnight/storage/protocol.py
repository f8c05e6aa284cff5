"""The seam between Overnight and the place its bytes are in.

An object appears whole or not at all, and what is under a key is replaced in one step. Keys are made by
`overnight.domain.layout`, never from anything a client sends.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's key and its size in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class FoundObject(StoredObject):
    """An object as a list shows it: also when it was written, by the store's own clock."""

    written_at: datetime


class Storage(Protocol):
    """Streams of bytes under keys. Every method may raise StorageUnavailable.

    It is StorageRefused where there is no such store, or it is not ours to use, for what only its operator
    can change.
    """

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        """Store `content`, durably and in constant memory; nothing is left behind if it raises.

        Raises StorageFull when there is no room.
        """
        ...

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream the bytes from `start` up to, not including, `end` (None: to the last).

        Raises ObjectNotFound at the first step of the iteration.
        """
        ...

    async def size(self, key: str) -> int:
        """Return the object's size in bytes. Raises ObjectNotFound."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object, or do nothing if there is none."""
        ...

    def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield every object whose key starts with `prefix`, in the order of their keys."""
        ...

    async def free_bytes(self) -> int | None:
        """Return how much room is left, or None where there is no such bound."""
        ...

    async def check(self) -> None:
        """Raise StorageUnavailable, saying why, unless objects can be written, listed, read and removed."""
        ...
