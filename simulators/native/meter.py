"""How often something has happened lately, by the provider's clock."""

from __future__ import annotations

import math
from collections import deque

from simulators.native.refusals import Reason, Refusal


class Meter:
    """Counts what happens in so many seconds."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._passed: deque[float] = deque()

    def count(self, most: int | None, *, now: float) -> None:
        """Count one more. Raises Refusal, with when to come back, when there were too many."""
        while self._passed and self._passed[0] <= now - self._every:
            self._passed.popleft()
        if most is not None and len(self._passed) >= most:
            wait = self._passed[0] + self._every - now
            raise Refusal(Reason.RATE_LIMITED, retry_after=str(math.ceil(wait)))
        self._passed.append(now)
