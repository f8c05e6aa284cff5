"""A check that costs something, made by one caller at a time and not again for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

KEPT_FOR = timedelta(seconds=5)
"""A check writes to the disk, or asks a database, and anybody may ask for readiness as often as they like."""

FAILURE_KEPT_FOR = timedelta(seconds=1)
"""Less, since whoever starts a process, or mends something, waits to see that it is well."""

CHECK_TIMEOUT = timedelta(seconds=5)


class RecentCheck:
    """`check`, or what it said lately: for a while after it ended, that is everybody's answer.

    One that is not done `within` that time (None: however long it takes) is cancelled, and a TimeoutError.
    The next is made once it has ended, so there are never two.
    """

    def __init__(
        self,
        check: Callable[[], Awaitable[None]],
        *,
        kept_for: timedelta = KEPT_FOR,
        failure_kept_for: timedelta = FAILURE_KEPT_FOR,
        within: timedelta | None = CHECK_TIMEOUT,
    ) -> None:
        self._check = check
        self._kept_for = kept_for.total_seconds()
        self._failure_kept_for = failure_kept_for.total_seconds()
        self._within = None if within is None else within.total_seconds()
        self._checking: asyncio.Task[None] | None = None
        self._old_at = 0.0

    async def __call__(self) -> None:
        """Return or raise what the check does. A caller that gives up does not stop it for the others."""
        if self._checking is None or (self._checking.done() and self._is_old()):
            self._checking = asyncio.create_task(self._make())
        await asyncio.shield(self._checking)

    def _is_old(self) -> bool:
        return _now() >= self._old_at

    async def _make(self) -> None:
        kept_for = self._failure_kept_for
        try:
            async with asyncio.timeout(self._within):
                await self._check()
            kept_for = self._kept_for
        finally:
            self._old_at = _now() + kept_for


def _now() -> float:
    return asyncio.get_running_loop().time()
