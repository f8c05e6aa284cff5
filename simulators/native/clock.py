"""The provider's time, which tests can hurry or put forward: 24 hours then pass at once."""

from __future__ import annotations

import time


class Clock:
    """Unix seconds, `speed` times as fast as ours from now on; at speed 0 only `advance` moves them."""

    def __init__(self, *, speed: float = 1.0) -> None:
        self.speed = speed
        self._then = time.time()
        self._since = time.monotonic()

    def now(self) -> float:
        """Return the provider's time in Unix seconds."""
        return self._then + (time.monotonic() - self._since) * self.speed

    def advance(self, seconds: float) -> None:
        """Put it forward. Raises ValueError for a step back: what has happened stays so."""
        if seconds < 0:
            raise ValueError("the clock can't be put back")
        self._then += seconds

    def put_to(self, now: float) -> None:
        """Set it to a time that is not past. Raises ValueError."""
        self.advance(now - self.now())

    def run_at(self, speed: float) -> None:
        """Run at another speed from now on. Raises ValueError for a negative one."""
        if speed < 0:
            raise ValueError("the clock can't run backwards")
        self._then, self._since, self.speed = self.now(), time.monotonic(), speed
