"""One request at a time for each upload that is to be completed."""

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """A client that lost patience asks again, and would have the same file made a second time meanwhile."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, upload_id: str) -> asyncio.Lock:
        """Return the lock of an upload, which is there as long as somebody has it."""
        return self._locks.setdefault(upload_id, asyncio.Lock())
