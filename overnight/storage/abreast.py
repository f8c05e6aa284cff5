"""Many small requests to a store, a few at once: in a row, each waits for the answer to the one before."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from overnight.storage.threads import to_its_end

T = TypeVar("T")

AT_ONCE = 16
"""Half of what a process asks of S3 at once, so that what batches wait for gets through beside it."""


async def abreast(
    items: AsyncIterable[T] | Iterable[T], work: Callable[[T], Awaitable[object]], *, at_once: int = AT_ONCE
) -> None:
    """Do `work` with each of the items, which are taken as they are wanted.

    Raises the first thing that one of them raises. Nothing is under way any more once it has returned or
    raised, and what has not been begun by then is left.
    """
    queue, turn = _iterated(items), asyncio.Lock()

    async def take() -> None:
        while True:
            async with turn:
                # A generator can't be asked by two at once.
                try:
                    item = await anext(queue)
                except StopAsyncIteration:
                    return
            await work(item)

    tasks = [asyncio.create_task(take()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await to_its_end(asyncio.wait(tasks))


async def _iterated(items: AsyncIterable[T] | Iterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
        return
    for item in items:
        yield item
