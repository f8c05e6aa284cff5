"""Who shares a reading of a list with whom."""

import asyncio
import gc
from datetime import UTC, datetime, timedelta

import pytest

from overnight.domain.errors import ProviderUnavailable
from overnight.providers.shared_reading import SharedReading

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class List:
    """A provider's list that is read as slowly as a test wants."""

    def __init__(self) -> None:
        self.readings: list[datetime] = []
        self.free = asyncio.Event()
        self.free.set()
        self.begun = asyncio.Event()
        self.problem: Exception | None = None

    async def read(self, since: datetime) -> int:
        """Return the number of the reading."""
        self.readings.append(since)
        number = len(self.readings)
        self.begun.set()
        await self.free.wait()
        if self.problem:
            raise self.problem
        return number


async def held_up() -> tuple[List, SharedReading[int], asyncio.Task[int]]:
    """Return a list whose first reading has begun, and does not end before it is let go."""
    listed = List()
    listed.free.clear()
    shared = SharedReading(listed.read)
    first = asyncio.create_task(shared.since(NOON))
    await listed.begun.wait()
    return listed, shared, first


async def test_all_that_ask_during_a_reading_share_the_next_and_none_is_given_that_one() -> None:
    listed, shared, first = await held_up()
    ages = [timedelta(minutes=minutes) for minutes in (0, 7, 3)]
    others = [asyncio.create_task(shared.since(NOON - age)) for age in ages]
    await asyncio.sleep(0)
    listed.free.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [2, 2, 2]
    # As far back as any of them wants.
    assert listed.readings == [NOON, NOON - timedelta(minutes=7)]


async def test_whoever_asks_later_is_given_a_reading_of_its_own() -> None:
    listed = List()
    shared = SharedReading(listed.read)
    assert [await shared.since(NOON - timedelta(hours=1)), await shared.since(NOON)] == [1, 2]
    assert listed.readings[1] == NOON


async def test_one_that_is_given_up_spoils_nothing_for_the_others() -> None:
    listed, shared, first = await held_up()
    second, third = (asyncio.create_task(shared.since(NOON)) for _ in range(2))
    await asyncio.sleep(0)
    for given_up in (first, second):
        given_up.cancel()
    await asyncio.wait([first, second])
    listed.free.set()
    assert await third == 2


async def test_a_reading_that_fails_fails_for_all_of_its_own_and_for_nobody_else() -> None:
    listed, shared, first = await held_up()
    second = asyncio.create_task(shared.since(NOON))
    await asyncio.sleep(0)
    listed.problem = ProviderUnavailable("down")
    listed.free.set()
    for each in (first, second):
        with pytest.raises(ProviderUnavailable):
            await each
    listed.problem = None
    assert await shared.since(NOON) == 3


async def test_who_wants_to_see_far_back_reads_alone() -> None:
    listed, shared, first = await held_up()
    ages = [timedelta(0), timedelta(days=3), timedelta(minutes=50)]
    others = [asyncio.create_task(shared.since(NOON - age)) for age in ages]
    await asyncio.sleep(0)
    listed.free.set()
    assert await asyncio.gather(first, *others) == [1, 2, 3, 2]
    assert listed.readings == [NOON, NOON - timedelta(minutes=50), NOON - timedelta(days=3)]


async def test_a_reading_that_fails_with_nobody_left_to_hear_it_is_not_logged_as_forgotten() -> None:
    said: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: said.append(context["message"]))
    try:
        listed, _shared, first = await held_up()
        listed.problem = ProviderUnavailable("down")
        first.cancel()
        await asyncio.wait([first])
        listed.free.set()
        await asyncio.sleep(0.01)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert said == []
