"""One reading of a provider's list for everybody who wants it at the same time.

A job is looked for before and after it is created, and once more when it is cleaned up after. If each of a
thousand jobs that are submitted together listed the thousand for itself, that alone would be tens of
thousands of calls.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

Listed = TypeVar("Listed")
Read = Callable[[datetime], Awaitable[Listed]]

_NOBODY_ASKED = datetime.max.replace(tzinfo=UTC)


class SharedReading(Generic[Listed]):
    """Reads a list, one reading at a time; all that ask during one share the next."""

    def __init__(self, read: Read[Listed]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[Listed] | None = None
        self._since = _NOBODY_ASKED

    async def since(self, since: datetime) -> Listed:
        """Return what is listed and not older than `since`; perhaps older items, too.

        The reading begins after this call, never before: what has been created by now is in it. Raises what
        reading raises, to all who share it.
        """
        self._since = min(self._since, since)
        if self._next is None:
            self._next = asyncio.create_task(self._take_turn())
        # Shielded, as others may wait for it when this one is given up.
        return await asyncio.shield(self._next)

    async def _take_turn(self) -> Listed:
        async with self._turn:
            # From here on it is too late to join.
            since, self._since, self._next = self._since, _NOBODY_ASKED, None
            return await self._read(since)
