"""How many bytes of requests and answers a process holds at once, whatever the number of chunks."""

import asyncio
from collections import deque

BYTES_IN_FLIGHT = 256 * 2**20


class ByteBudget:
    """A bound on bytes in memory. First come, first served; one item larger than all of it goes alone."""

    def __init__(self, limit: int = BYTES_IN_FLIGHT) -> None:
        self._limit = limit
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take_now(self, size: int) -> bool:
        """Take `size` bytes if they fit and nobody waits for room."""
        if self._waiting or not self._fits(size):
            return False
        self._taken += size
        return True

    async def take(self, size: int) -> None:
        """Wait until `size` bytes fit; give them back with `give`."""
        if self.take_now(size):
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._withdraw(size, turn)
            raise

    def give(self, size: int) -> None:
        """Give back what was taken, and let in whoever fits now."""
        self._taken -= size
        self._admit()

    def _fits(self, size: int) -> bool:
        return self._taken + size <= self._limit or self._taken == 0

    def _admit(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._fits(self._waiting[0][0])):
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._taken += size
                turn.set_result(None)

    def _withdraw(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.cancelled():
            self._admit()
        else:
            self.give(size)


class Hold:
    """What one line holds of a budget just now. No two can wait for each other: a hold is never added to."""

    __slots__ = ("_budget", "_size")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._size = 0

    async def resize(self, size: int) -> None:
        """Hold `size` bytes instead of what was held, waiting until they fit."""
        self.release()
        await self._budget.take(size)
        self._size = size

    def release(self) -> None:
        """Hold nothing more."""
        if self._size:
            self._budget.give(self._size)
            self._size = 0
