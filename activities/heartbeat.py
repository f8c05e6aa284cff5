"""Heartbeats: how a cancel reaches a running activity, and how a lost worker is noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity

BEAT_INTERVAL = timedelta(seconds=1)
"""A cancel is delivered with a heartbeat, so this is how fast in-flight lines are stopped."""


@asynccontextmanager
async def heartbeating(details: Callable[[], object] | None = None) -> AsyncIterator[None]:
    """Beat every second while the block runs, each time with what `details` returns."""
    beating = asyncio.create_task(_beat(details))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(details: Callable[[], object] | None) -> None:
    while True:
        if details is None:
            activity.heartbeat()
        else:
            activity.heartbeat(details())
        await asyncio.sleep(BEAT_INTERVAL.total_seconds())
