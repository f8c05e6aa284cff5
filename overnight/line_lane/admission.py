"""How many requests, and how fast: a deployment's bounds, held over all batches of the process."""

import asyncio

from overnight.domain.deployment import Deployment

_MINUTE = 60.0


class Admission:
    """`max_parallel_requests`, `rpm` and `tpm` of one deployment. First come, first served.

    Requests are spaced evenly over the minute. What a request costs in tokens is known only from its
    answer, so tokens are a debt: nothing more is sent until time has paid for the answers so far.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._slots = asyncio.Semaphore(deployment.max_parallel_requests)
        self._requests = Pace(deployment.rpm) if deployment.rpm else None
        self._tokens = Pace(deployment.tpm) if deployment.tpm else None
        self._paced = bool(self._requests or self._tokens)

    async def enter(self) -> None:
        """Wait for a place among the requests in flight; give it back with `leave`."""
        await self._slots.acquire()
        if self._paced:
            try:
                await self._keep_pace()
            except BaseException:
                self._slots.release()
                raise

    def leave(self) -> None:
        """Give the place to the one who has waited longest."""
        self._slots.release()

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
