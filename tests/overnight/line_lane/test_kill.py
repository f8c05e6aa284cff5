"""What a kill costs: how many lines that were answered are sent again, over all chunks of a process."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from overnight.line_lane.held import MAX_HELD_LINES
from overnight.line_lane.lane import LineLane
from overnight.storage.memory import MemoryStorage
from tests.overnight.line_lane.stores import SlowStorage
from tests.overnight.line_lane.workbench import BATCH, IMPATIENT, OTHER_BATCH, Workbench, body, once, until

LINES = 1200
CHUNKS = [(number, batch) for batch in (BATCH, OTHER_BATCH) for number in range(3)]
PARALLEL = 10


async def given(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}") for n in range(LINES // 2)), chunk_lines=LINES // len(CHUNKS))


def start(bench: Workbench, *, attempt: str) -> list[asyncio.Task[object]]:
    return [
        asyncio.create_task(
            bench.run(number, batch=batch, attempt=attempt, max_parallel_requests=PARALLEL // 2, id=batch)
        )
        for number, batch in CHUNKS
    ]


async def what_a_kill_leaves(storage: MemoryStorage) -> MemoryStorage:
    left = MemoryStorage()
    async for found in storage.list(""):
        await left.put(found.key, once(b"".join([block async for block in storage.get(found.key)])))
    return left


async def end(tasks: list[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def sent_again(bench: Workbench, *, left: MemoryStorage, sent_before: int) -> int:
    bench.endpoint.arrivals.clear()
    async with LineLane(patience=IMPATIENT) as lane:
        await asyncio.gather(*start(replace(bench, lane=lane, storage=left), attempt="2"))
    return sent_before + bench.endpoint.arrivals.total() - LINES


async def test_a_kill_costs_one_interval_and_what_is_in_flight_over_all_chunks(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overnight.line_lane.held.PART_AGE", timedelta(hours=1))
    await given(bench)
    running = start(bench, attempt="1")
    await until(lambda: bench.endpoint.arrivals.total() >= LINES // 2)
    sent, left = bench.endpoint.arrivals.total(), await what_a_kill_leaves(bench.storage)
    await end(running)
    assert await sent_again(bench, left=left, sent_before=sent) <= MAX_HELD_LINES + PARALLEL


async def test_a_kill_costs_no_more_while_the_store_is_stuck(bench: Workbench) -> None:
    bench.storage = storage = SlowStorage()
    await given(bench)
    storage.open.clear()
    running = start(bench, attempt="1")
    await until(lambda: bench.endpoint.arrivals.total() >= MAX_HELD_LINES)
    await asyncio.sleep(0.1)  # Time for many more, if nothing held them back.
    sent, left = bench.endpoint.arrivals.total(), await what_a_kill_leaves(storage)
    storage.open.set()
    await end(running)
    assert await sent_again(bench, left=left, sent_before=sent) <= MAX_HELD_LINES + PARALLEL
