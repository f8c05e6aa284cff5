"""Blocking work off the event loop, without leaving a thread behind that still does it."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Threads of one's own, so that work that hangs holds up nobody else's."""

    def __init__(self, count: int, *, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in one of them; see `in_thread`."""
        in_context = partial(contextvars.copy_context().run, work, *args, **kwargs)
        return await to_its_end(asyncio.get_running_loop().run_in_executor(self._pool, in_context))

    def close(self) -> None:
        """Let go of the threads, each as soon as it has nothing left to do."""
        self._pool.shutdown(wait=False)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work` in a thread. A cancel takes effect only once the thread is done with it.

    `asyncio.to_thread` alone returns at once when cancelled and lets the thread run on, so that the
    caller would close or remove a file that is still being written.
    """
    return await to_its_end(asyncio.to_thread(work, *args, **kwargs))


async def to_its_end(work: Awaitable[T]) -> T:
    """Return what `work` returns. A cancel takes effect only once it is done."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # Retrieved, so that asyncio does not report it as lost.
        raise
