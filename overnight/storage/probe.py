"""The one question readiness asks of a store: can objects be written, listed, read and removed?"""

import secrets
from collections.abc import AsyncIterator

from overnight.domain.errors import StorageError, StorageUnavailable
from overnight.storage.protocol import Storage

_CONTENT = b"Overnight was here.\n"


async def probe(storage: Storage) -> None:
    """Do with an object all that batches need. Raises StorageUnavailable, saying what went wrong."""
    # Two processes that probe at once must not delete each other's object.
    key = f"health/{secrets.token_hex(16)}"
    try:
        await storage.put(key, _content())
        listed = [found.key async for found in storage.list(key)]
        read = b"".join([block async for block in storage.get(key)])
        await storage.delete(key)
    except StorageUnavailable:
        raise
    except StorageError as error:
        raise StorageUnavailable(f"the store failed its check: {error}", key=key) from error
    if listed != [key]:
        raise StorageUnavailable("the store does not list what it was given", key=key)
    if read != _CONTENT:
        raise StorageUnavailable("the store returned other bytes than it was given", key=key)


async def _content() -> AsyncIterator[bytes]:
    yield _CONTENT
