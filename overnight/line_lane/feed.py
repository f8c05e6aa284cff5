"""The lines of a chunk that are still to be sent, handed out one by one to many senders."""

import asyncio
from collections.abc import AsyncIterator, Container, Iterator

from overnight.jsonl import Request
from overnight.line_lane.budget import ByteBudget


class LineFeed:
    """Hands out each request once, skipping the indices in `known`, and waits until its bytes fit in memory.

    `run` must run beside the senders: it reads the next slab when they have used one up. When that comes,
    it wakes all of them at once. A lock around the reading would pass from one to the next, one at each
    turn of the event loop, and keep them in that step for the rest of the chunk: that costs twice the CPU.
    """

    def __init__(
        self, slabs: AsyncIterator[list[Request]], *, known: Container[int], budget: ByteBudget
    ) -> None:
        self._slabs = slabs
        self._known = known
        self._budget = budget
        self._slab: Iterator[Request] = iter(())
        self._ended = False
        self._used_up = asyncio.Event()
        self._refilled = asyncio.Event()

    async def next(self) -> Request | None:
        """Return the next request, or None if there is none left. Give its bytes back with `done`."""
        while True:
            for request in self._slab:
                if request.index not in self._known:
                    size = len(request.body)
                    if not self._budget.take_now(size):
                        await self._budget.take(size)
                    return request
            if self._ended:
                return None
            self._refilled.clear()
            self._used_up.set()
            await self._refilled.wait()

    def done(self, request: Request) -> None:
        """Forget a request's bytes."""
        self._budget.give(len(request.body))

    async def run(self) -> None:
        """Read slabs as they are wanted, to the last. Raises StorageError."""
        while not self._ended:
            await self._used_up.wait()
            await self._refill()

    async def _refill(self) -> None:
        async for slab in self._slabs:
            self._slab = iter(slab)
            break
        else:
            self._ended = True
        # Only now: others have found the old slab used up meanwhile, and must not have this one replaced.
        self._used_up.clear()
        self._refilled.set()
