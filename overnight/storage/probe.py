"""The one question readiness asks of a store: can objects be written, listed, read and removed?"""

import secrets
from collections.abc import AsyncIterator

from overnight.domain.errors import StorageError, StorageUnavailable
from overnight.storage.protocol import Storage

_FOLDER = "health/"
_CONTENT = b"Overnight was here.\n"


async def probe(storage: Storage) -> None:
    """Do with an object all that batches need. Raises StorageUnavailable, saying what went wrong.

    A store that refuses keeps its kind: StorageRefused.
    """
    # Two processes that probe at once must not delete each other's object.
    key = f"{_FOLDER}{secrets.token_hex(16)}"
    try:
        await storage.put(key, _content())
        listed = [found.key async for found in storage.list(key)]
        read = b"".join([block async for block in storage.get(key)])
        await storage.delete(key)
    except StorageError as error:
        # The object is another one each time, so its key would make news of what is none.
        if isinstance(error, StorageUnavailable):
            raise type(error)(error.reason, key=_FOLDER) from error
        raise StorageUnavailable(f"the check failed: {error.reason}", key=_FOLDER) from error
    if listed != [key]:
        raise StorageUnavailable("the store does not list what it was given", key=_FOLDER)
    if read != _CONTENT:
        raise StorageUnavailable("the store returned other bytes than it was given", key=_FOLDER)


async def _content() -> AsyncIterator[bytes]:
    yield _CONTENT
