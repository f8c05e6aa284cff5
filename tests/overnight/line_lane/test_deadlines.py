"""One timer for the time limits of many requests."""

import asyncio
from datetime import timedelta

import pytest

from overnight.line_lane.deadlines import Deadlines


async def test_a_request_ends_at_its_limit_and_its_task_goes_on() -> None:
    deadlines = Deadlines(timedelta(milliseconds=5))

    async def two_requests() -> list[str]:
        ended = []
        for name in ("first", "second"):
            with deadlines:
                await asyncio.Event().wait()
            ended.append(name)
        return ended

    task = asyncio.create_task(two_requests())
    assert await task == ["first", "second"]
    assert task.cancelling() == 0


async def test_a_request_within_its_limit_is_left_alone_whatever_becomes_of_others() -> None:
    deadlines = Deadlines(timedelta(milliseconds=5))
    go_on = asyncio.Event()

    async def slow() -> None:
        with deadlines:
            await asyncio.Event().wait()
        go_on.set()

    async def quick() -> str:
        with deadlines:
            await asyncio.sleep(0)
        await go_on.wait()
        return "answered"

    _, answer = await asyncio.gather(slow(), quick())
    assert answer == "answered"


async def test_a_cancel_from_outside_stays_one_even_when_the_limit_passes_with_it() -> None:
    deadlines = Deadlines(timedelta(0))

    async def request() -> None:
        with deadlines:
            await asyncio.Event().wait()

    task = asyncio.create_task(request())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_request_goes_through() -> None:
    with pytest.raises(ZeroDivisionError), Deadlines(timedelta(hours=1)):
        raise ZeroDivisionError
