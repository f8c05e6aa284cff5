"""One reading of a provider's list for everybody who wants it at the same time.

A job is looked for before and after it is created, and once more when it is cleaned up after. If each of a
thousand jobs that are submitted together listed the thousand for itself, that alone would be tens of
thousands of calls. Who wants to see far back reads alone, so that not everybody's list becomes as long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Listed = TypeVar("Listed")
Read = Callable[[datetime], Awaitable[Listed]]

REST = 3
LONGEST_REST_SECONDS = 5.0
"""How many times as long as a reading took nothing is read after it, within bounds. In a rush, with a long
list, more then share the next; who comes alone waits for a moment at most."""

SHARED_WITHIN = timedelta(hours=1)
"""How far apart the moments may be that those want to see back to who share a reading."""


@dataclass(slots=True, kw_only=True)
class _Party:
    """Those who wait for the same reading: how far back they want to see, and the one who asks least."""

    oldest: datetime
    newest: datetime

    def takes(self, since: datetime) -> bool:
        return max(self.newest, since) - min(self.oldest, since) <= SHARED_WITHIN

    def join(self, since: datetime) -> None:
        self.oldest, self.newest = min(self.oldest, since), max(self.newest, since)


class SharedReading(Generic[Listed]):
    """Reads a list, one reading at a time; those that ask during one share the next."""

    def __init__(self, read: Read[Listed]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[_Party, asyncio.Task[Listed]]] = []
        self._not_before = 0.0

    async def since(self, since: datetime) -> Listed:
        """Return what is listed and not older than `since`; perhaps older items, too.

        The reading begins after this call, never before: what has been created by now is in it. Raises what
        reading raises, to all who share it.
        """
        # Shielded, as others may wait for it when this one is given up.
        return await asyncio.shield(self._joined(since))

    def _joined(self, since: datetime) -> asyncio.Task[Listed]:
        for party, reading in self._waiting:
            if party.takes(since):
                party.join(since)
                return reading
        party = _Party(oldest=since, newest=since)
        reading = asyncio.create_task(self._take_turn(party))
        # All who waited may have been given up, and then nobody else hears how it ended.
        reading.add_done_callback(_heard)
        self._waiting.append((party, reading))
        return reading

    async def _take_turn(self, party: _Party) -> Listed:
        async with self._turn:
            await asyncio.sleep(self._not_before - time.monotonic())
            # From here on it is too late to join.
            self._waiting = [each for each in self._waiting if each[0] is not party]
            began = time.monotonic()
            try:
                return await self._read(party.oldest)
            finally:
                ended = time.monotonic()
                self._not_before = ended + min(REST * (ended - began), LONGEST_REST_SECONDS)


def _heard(reading: asyncio.Task[Listed]) -> None:
    if not reading.cancelled():
        reading.exception()
