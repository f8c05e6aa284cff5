"""A check that costs something, made by one caller at a time and not again for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

KEPT_FOR = timedelta(seconds=5)
"""A probe of the storage writes to the disk and waits for it, and anybody may ask for readiness."""


class RecentCheck:
    """`check`, or what it said lately: for `kept_for` after it ended, that is everybody's answer."""

    def __init__(self, check: Callable[[], Awaitable[None]], *, kept_for: timedelta = KEPT_FOR) -> None:
        self._check = check
        self._kept_for = kept_for.total_seconds()
        self._checking: asyncio.Task[None] | None = None
        self._ended_at = 0.0

    async def __call__(self) -> None:
        """Return or raise what the check does. A caller that gives up does not stop it for the others."""
        if self._checking is None or self._is_old(self._checking):
            self._checking = asyncio.create_task(self._make())
        await asyncio.shield(self._checking)

    def _is_old(self, checking: asyncio.Task[None]) -> bool:
        return checking.done() and _now() - self._ended_at >= self._kept_for

    async def _make(self) -> None:
        try:
            await self._check()
        finally:
            self._ended_at = _now()


def _now() -> float:
    return asyncio.get_running_loop().time()
