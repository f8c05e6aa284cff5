"""A deployment's bounds on requests and tokens a minute."""

import asyncio

import pytest

from overnight.domain.deployment import Deployment
from overnight.line_lane.admission import Admission, Pace, Places
from overnight.line_lane.budget import ByteBudget, Hold


def deployment(*, rpm: int | None = None, tpm: int | None = None, parallel: int = 64) -> Deployment:
    return Deployment(
        id="dep_1",
        model_name="m",
        provider="hosted_vllm",
        model="m",
        api_base="http://x/v1",
        rpm=rpm,
        tpm=tpm,
        max_parallel_requests=parallel,
    )


def test_requests_are_spaced_evenly_over_the_minute() -> None:
    pace = Pace(120)
    starts = []
    for _ in range(4):
        starts.append(100.0 + pace.debt(now=100.0))
        pace.charge(1, now=100.0)
    assert starts == [100.0, 100.5, 101.0, 101.5]


def test_time_that_nobody_used_is_not_saved_up() -> None:
    pace = Pace(60)
    pace.charge(1, now=100.0)
    assert pace.debt(now=500.0) == 0
    pace.charge(1, now=500.0)
    assert pace.debt(now=500.0) == 1.0


async def test_tokens_of_an_answer_hold_back_the_next_request() -> None:
    admission = Admission(deployment(tpm=60_000))
    await admission.enter()
    admission.charge(200)  # 0.2 seconds' worth.
    admission.leave()
    started = asyncio.get_running_loop().time()
    await admission.enter()
    assert asyncio.get_running_loop().time() - started > 0.15


async def test_requests_a_minute_hold_back_the_next_request() -> None:
    admission = Admission(deployment(rpm=600))
    started = asyncio.get_running_loop().time()
    for _ in range(3):
        await admission.enter()
        admission.leave()
    assert asyncio.get_running_loop().time() - started > 0.15


async def test_a_request_cancelled_while_it_waits_gives_its_place_back() -> None:
    admission = Admission(deployment(rpm=1, parallel=1))
    await admission.enter()
    admission.leave()
    waiting = asyncio.create_task(admission.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert admission._places.free == 1


async def test_places_go_to_who_has_waited_longest_and_no_one_slips_in_between() -> None:
    places = Places(1)
    assert places.take_now()
    order: list[int] = []

    async def taker(number: int) -> None:
        await places.take()
        order.append(number)
        places.give()

    waiting = [asyncio.create_task(taker(number)) for number in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    places.give()
    assert not places.take_now()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == [0, 2, 3]
    assert places.free == 1


async def test_bytes_wait_until_there_is_room_and_in_turn() -> None:
    budget = ByteBudget(100)
    await budget.take(60)
    order: list[int] = []

    async def taker(size: int) -> None:
        await budget.take(size)
        order.append(size)

    tasks = [asyncio.create_task(taker(size)) for size in (70, 10, 20)]
    await asyncio.sleep(0)
    assert order == []
    budget.give(60)
    await asyncio.gather(*tasks)
    assert order == [70, 10, 20]


async def test_an_item_larger_than_the_budget_goes_alone() -> None:
    budget = ByteBudget(100)
    await budget.take(500)
    second = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    assert not second.done()
    budget.give(500)
    await second


async def test_who_stops_waiting_for_bytes_lets_the_next_one_in() -> None:
    budget = ByteBudget(100)
    await budget.take(60)
    large = asyncio.create_task(budget.take(90))
    small = asyncio.create_task(budget.take(10))
    await asyncio.sleep(0)
    large.cancel()
    await small


async def test_a_hold_gives_up_what_it_has_before_it_takes_more() -> None:
    hold = Hold(ByteBudget(100))
    await hold.resize(80)
    async with asyncio.timeout(1):
        await hold.resize(90)
    hold.release()
