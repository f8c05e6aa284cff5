import asyncio
import contextlib
from datetime import timedelta

import pytest

from overnight.domain.errors import StorageUnavailable
from overnight.health.recent import RecentCheck

LONG = timedelta(hours=1)


class Check:
    """A check that takes until it is let go, and counts how often it was made."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False
        self.stubborn = False
        self.asked_to_end = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:
        self.made += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.asked_to_end.set()
            if self.stubborn:
                await self.may_end.wait()
            raise
        if self.fails:
            raise StorageUnavailable("the disk is gone", key="health/x")


async def test_a_check_is_not_made_again_for_a_while() -> None:
    check = Check()
    recent = RecentCheck(check, kept_for=LONG)
    await recent()
    await recent()
    assert check.made == 1


async def test_what_is_old_is_found_out_again() -> None:
    check = Check()
    recent = RecentCheck(check, kept_for=timedelta(0))
    await recent()
    check.fails = True
    with pytest.raises(StorageUnavailable):
        await recent()


async def test_a_failure_is_kept_like_a_success() -> None:
    check = Check()
    check.fails = True
    recent = RecentCheck(check, failure_kept_for=LONG)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await recent()
    assert check.made == 1


async def test_what_is_well_again_is_seen_though_success_is_kept_for_long() -> None:
    check = Check()
    check.fails = True
    recent = RecentCheck(check, kept_for=LONG, failure_kept_for=timedelta(0))
    with pytest.raises(StorageUnavailable):
        await recent()
    check.fails = False
    await recent()
    check.fails = True
    await recent()
    assert check.made == 2


async def test_a_check_that_hangs_is_given_up_and_made_again() -> None:
    check = Check()
    check.may_end.clear()
    recent = RecentCheck(check, failure_kept_for=timedelta(0), within=timedelta(milliseconds=10))
    with pytest.raises(TimeoutError):
        await recent()
    check.may_end.set()
    # A machine that stands still may have it hang once more.
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(TimeoutError):
                await recent()
                break
    assert check.made >= 2


async def test_one_that_does_not_end_when_it_is_cancelled_is_still_the_only_one() -> None:
    check = Check()
    check.may_end.clear()
    check.stubborn = True
    recent = RecentCheck(check, failure_kept_for=timedelta(0), within=timedelta(milliseconds=10))
    callers = [asyncio.create_task(recent()) for _ in range(3)]
    async with asyncio.timeout(60):
        await check.asked_to_end.wait()
    callers.append(asyncio.create_task(recent()))
    await asyncio.wait(callers, timeout=0.01)
    assert check.made == 1
    check.may_end.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert {type(result) for result in results} == {TimeoutError}


async def test_callers_at_once_share_one_check_and_one_that_gives_up_stops_it_for_nobody() -> None:
    check = Check()
    check.may_end.clear()
    recent = RecentCheck(check, kept_for=timedelta(0))
    callers = [asyncio.create_task(recent()) for _ in range(3)]
    await asyncio.wait(callers, timeout=0.01)
    callers[0].cancel()
    await asyncio.wait(callers[:1])
    check.may_end.set()
    await asyncio.gather(*callers[1:])
    assert check.made == 1
