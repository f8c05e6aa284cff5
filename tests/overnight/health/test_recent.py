import asyncio
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
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:
        self.made += 1
        await self.may_end.wait()
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
    recent = RecentCheck(check, kept_for=LONG)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await recent()
    assert check.made == 1


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
