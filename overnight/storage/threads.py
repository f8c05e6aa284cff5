"""Blocking file work off the event loop, without leaving a thread behind that still does it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work` in a thread. A cancel takes effect only once the thread is done with it.

    `asyncio.to_thread` alone returns at once when cancelled and lets the thread run on, so that the
    caller would close or remove a file that is still being written.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # Retrieved, so that asyncio does not report it as lost.
        raise
