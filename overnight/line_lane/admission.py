"""How many requests, and how fast: a deployment's bounds, held over all batches of the process."""

import asyncio
from collections import deque

from overnight.domain.deployment import Deployment

_MINUTE = 60.0


class Admission:
    """`max_parallel_requests`, `rpm` and `tpm` of one deployment. First come, first served.

    Requests are spaced evenly over the minute. What a request costs in tokens is known only from its
    answer, so tokens are a debt: nothing more is sent until time has paid for the answers so far.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._places = Places(deployment.max_parallel_requests)
        self._requests = Pace(deployment.rpm) if deployment.rpm else None
        self._tokens = Pace(deployment.tpm) if deployment.tpm else None
        self._paced = bool(self._requests or self._tokens)

    def enter_now(self) -> bool:
        """Take a place if that needs no waiting: most requests do not even need a coroutine for it."""
        return not self._paced and self._places.take_now()

    async def enter(self) -> None:
        """Wait for a place among the requests in flight; give it back with `leave`."""
        await self._places.take()
        if self._paced:
            try:
                await self._keep_pace()
            except BaseException:
                self._places.give()
                raise

    def leave(self) -> None:
        """Give the place to the one who has waited longest."""
        self._places.give()

    def charge(self, tokens: int) -> None:
        """Count the tokens of an answer."""
        if self._tokens:
            self._tokens.charge(tokens, now=asyncio.get_running_loop().time())

    async def _keep_pace(self) -> None:
        now = asyncio.get_running_loop().time
        if self._tokens:
            await asyncio.sleep(self._tokens.debt(now=now()))
        if self._requests:
            pause = self._requests.debt(now=now())
            self._requests.charge(1, now=now())
            await asyncio.sleep(pause)


class Places:
    """A fair semaphore, like asyncio's, that can also be taken without a coroutine."""

    def __init__(self, places: int) -> None:
        self.total = self.free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Take a place if there is one that nobody waits for."""
        if self.free <= 0 or self._waiting:
            return False
        self.free -= 1
        return True

    async def take(self) -> None:
        """Wait for a place, behind all who wait already."""
        if self.take_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Hand a place on, or put it back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


class Pace:
    """A leaky bucket that holds nothing: each unit charged takes its share of a minute to drain."""

    def __init__(self, per_minute: int) -> None:
        self._seconds_each = _MINUTE / per_minute
        self._free_at = 0.0

    def debt(self, *, now: float) -> float:
        """Return how many seconds it takes until everything charged has drained."""
        return max(0.0, self._free_at - now)

    def charge(self, amount: int, *, now: float) -> None:
        """Add `amount` units to what must drain."""
        self._free_at = max(now, self._free_at) + amount * self._seconds_each
