"""What comes next is fetched while what has come is used."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TypeVar

from overnight.storage.threads import to_its_end

T = TypeVar("T")


async def ahead(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Yield what `items` yields, having fetched one in advance; raise what it raises, and close it."""
    coming = asyncio.ensure_future(_next(items))
    try:
        while (come := await coming) is not None:
            coming = asyncio.ensure_future(_next(items))
            yield come[0]
    finally:
        coming.cancel()
        await to_its_end(_closed(coming, items))


async def _next(items: AsyncGenerator[T, None]) -> tuple[T] | None:
    async for item in items:
        return (item,)
    return None


async def _closed(coming: asyncio.Future[tuple[T] | None], items: AsyncGenerator[T, None]) -> None:
    await asyncio.wait([coming])
    with suppress(asyncio.CancelledError):
        coming.exception()  # Nobody is told of it who does not read on.
    await items.aclose()
