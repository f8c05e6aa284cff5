"""One item in advance, and none left behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from overnight.storage.reading_ahead import ahead
from tests.overnight.storage.streams import ProducerBroke


class Source:
    """Yields 0, 1 and so on up to `count`, and then breaks if it `breaks`."""

    def __init__(self, count: int, *, breaks: bool = False) -> None:
        self.made = 0
        self.closed = False
        self._count = count
        self._breaks = breaks

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            while self.made < self._count:
                self.made += 1
                yield self.made - 1
            if self._breaks:
                raise ProducerBroke
        finally:
            await asyncio.sleep(0)
            self.closed = True


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_it_yields_everything_in_order_and_closes_the_source(count: int) -> None:
    source = Source(count)
    assert [item async for item in ahead(source.items())] == list(range(count))
    assert source.closed


async def test_the_next_item_is_made_while_one_is_used_and_no_more_than_that() -> None:
    source = Source(5)
    async with aclosing(ahead(source.items())) as items:
        assert await anext(items) == 0
        for _ in range(10):
            await asyncio.sleep(0)
        assert source.made == 2


async def test_what_breaks_is_told_after_what_came_before() -> None:
    seen: list[int] = []

    async def read() -> None:
        async for item in ahead(Source(3, breaks=True).items()):
            seen.append(item)  # noqa: PERF401 - a comprehension that breaks is no list

    with pytest.raises(ProducerBroke):
        await read()
    assert seen == [0, 1, 2]


async def test_who_stops_reading_leaves_a_closed_source() -> None:
    source = Source(5)
    async with aclosing(ahead(source.items())) as items:
        await anext(items)
    assert source.closed


async def test_a_source_that_never_goes_on_is_stopped_with_its_reader() -> None:
    waiting = asyncio.Event()
    closed: list[bool] = []

    async def stuck() -> AsyncGenerator[int, None]:
        try:
            yield 0
            waiting.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            closed.append(True)

    async def read() -> list[int]:
        async with aclosing(ahead(stuck())) as items:
            return [item async for item in items]

    reading = asyncio.create_task(read())
    await waiting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert closed == [True]
