"""Many small requests, a few at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from overnight.storage.abreast import abreast


class Work:
    """Work that lasts until it may end; `most` is how much of it was under way at once."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.under_way = self.most = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.fails_at: int | None = None

    async def __call__(self, item: int) -> None:
        self.begun.append(item)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            if item == self.fails_at:
                raise ValueError(item)
            await self.may_end.wait()
            self.done.append(item)
        finally:
            self.under_way -= 1


async def counted(taken: list[int], count: int) -> AsyncIterator[int]:
    for number in range(count):
        taken.append(number)
        await asyncio.sleep(0)
        yield number


async def test_each_item_has_its_turn_and_only_so_many_at_once() -> None:
    work, taken = Work(), list[int]()
    await abreast(counted(taken, 100), work, at_once=7)
    assert sorted(work.done) == taken == list(range(100))
    assert work.most == 7


async def test_there_may_be_fewer_items_or_none() -> None:
    work = Work()
    await abreast(range(3), work, at_once=7)
    await abreast([], work)
    assert sorted(work.done) == [0, 1, 2]


async def test_no_more_is_taken_than_is_under_way() -> None:
    work, taken = Work(), list[int]()
    work.may_end.clear()
    running = asyncio.create_task(abreast(counted(taken, 100), work, at_once=4))
    while work.under_way < 4:  # noqa: ASYNC110 - it is the loop that has to turn
        await asyncio.sleep(0)
    assert len(taken) == 4
    work.may_end.set()
    await running
    assert len(work.done) == 100


async def test_what_one_raises_stops_the_others_and_leaves_the_rest() -> None:
    work = Work()
    work.may_end.clear()
    work.fails_at = 2
    with pytest.raises(ValueError, match="2"):
        await abreast(range(100), work, at_once=4)
    assert work.under_way == 0
    assert work.begun == [0, 1, 2, 3]


async def test_what_the_items_raise_is_raised_once_nothing_is_under_way() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 0
        raise ValueError("no list")

    work = Work()
    work.may_end.clear()
    with pytest.raises(ValueError, match="no list"):
        await abreast(broken(), work)
    assert work.under_way == 0


async def test_a_cancel_stops_all_of_it() -> None:
    work = Work()
    work.may_end.clear()
    running = asyncio.create_task(abreast(range(100), work, at_once=4))
    while work.under_way < 4:  # noqa: ASYNC110 - it is the loop that has to turn
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (work.under_way, len(work.begun)) == (0, 4)
