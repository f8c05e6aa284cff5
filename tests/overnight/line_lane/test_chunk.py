"""A chunk as a whole: bounds, checkpoints, carrying on, stopping."""

import asyncio
from datetime import timedelta

import pytest

from overnight.domain.deployment import DEFAULT_PARALLEL_REQUESTS
from overnight.domain.errors import ObjectNotFound, StorageFull
from overnight.domain.layout import part_key
from overnight.domain.status import StopReason
from overnight.domain.usage import Counts
from overnight.line_lane.held import MAX_HELD_LINES, PART_LINES
from overnight.outcomes.errors import UnansweredLines, UnreadableCheckpoint
from overnight.outcomes.parts import read_parts
from overnight.outcomes.record import NOBODY, Record, pack_part
from simulators.answers import identity_of
from simulators.faults import Fault, FaultKind
from tests.overnight.line_lane.stores import FullStorage, SlowStorage
from tests.overnight.line_lane.workbench import BATCH, INPUT, OTHER_BATCH, Workbench, body, once, raw, until


async def parts(bench: Workbench, number: int = 0) -> list[str]:
    return [part.key async for part in bench.storage.list(bench.task(number).parts_prefix)]


async def kept(bench: Workbench, *, lines: int) -> None:
    """Wait until so many answers are in checkpoints; that the endpoint sent them is not enough."""
    async with asyncio.timeout(60):
        while len([_ async for _ in read_parts(bench.storage, bench.task().parts_prefix)]) < lines:  # noqa: ASYNC110 - a store has no event
            await asyncio.sleep(0.01)


async def test_every_line_is_sent_once_and_comes_back_in_input_order(bench: Workbench) -> None:
    slow_first = body("0", fault={"kind": "delay", "seconds": 0.05})
    bodies = [slow_first, *(body(f"{n}") for n in range(1, 450))]
    await bench.given(*bodies, chunk_lines=150)
    for number in range(3):
        await bench.run(number)
    output, errors = await bench.results()
    assert errors == []
    assert [line["custom_id"] for line in output] == [f"line-{n}" for n in range(450)]
    assert all(bench.endpoint.arrivals_of(raw(content)) == 1 for content in bodies)


async def test_output_and_errors_are_each_in_input_order(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}", fault={"status": 400} if n % 3 else None) for n in range(30)))
    await bench.run()
    sealed = await bench.seal()
    output, errors = await bench.results()
    assert sealed.counts == Counts(30, 10, 20)
    assert [line["custom_id"] for line in output] == [f"line-{n}" for n in range(0, 30, 3)]
    assert [line["custom_id"] for line in errors] == [f"line-{n}" for n in range(30) if n % 3]


@pytest.mark.parametrize("other", [BATCH, OTHER_BATCH], ids=["of one batch", "of two batches"])
async def test_the_parallel_bound_holds_over_two_chunks_at_once(bench: Workbench, other: str) -> None:
    bench.endpoint.faults.set(Fault(kind=FaultKind.DELAY, seconds=0.005))
    await bench.given(*(body(f"{n}") for n in range(60)), chunk_lines=30)
    await asyncio.gather(
        bench.run(0, max_parallel_requests=7), bench.run(1, batch=other, max_parallel_requests=7)
    )
    assert bench.endpoint.most_in_flight == 7
    assert bench.endpoint.arrivals.total() == 60


async def test_the_chunks_of_a_batch_take_turns_so_that_a_checkpoint_is_few_parts(bench: Workbench) -> None:
    bodies = [body(f"{n}") for n in range(60)]
    await bench.given(*bodies, chunk_lines=30)
    await asyncio.gather(*(bench.run(number, max_parallel_requests=7) for number in range(2)))
    arrived = list(bench.endpoint.arrivals)
    assert set(arrived[: 30 - 7]) <= {identity_of(raw(content)) for content in bodies[:30]}


async def test_a_small_batch_does_not_wait_for_a_large_one(bench: Workbench) -> None:
    bench.endpoint.faults.set(Fault(kind=FaultKind.DELAY, seconds=0.005))
    await bench.given(*(body(f"{n}") for n in range(201)), chunk_lines=200)
    large = asyncio.create_task(bench.run(0, max_parallel_requests=4))
    await until(lambda: bench.endpoint.arrivals.total() >= 4)
    await bench.run(1, batch=OTHER_BATCH, max_parallel_requests=4)
    assert not large.done()
    await large


async def test_a_later_attempt_sends_only_what_has_no_answer(bench: Workbench) -> None:
    bodies = [body(f"{n}", fault={"kind": "hang", "times": 1} if n >= 6 else None) for n in range(10)]
    await bench.given(*bodies)
    first = asyncio.create_task(bench.run(attempt="1"))
    await until(lambda: bench.endpoint.arrivals.total() == 10)
    await kept(bench, lines=6)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    progress = await bench.run(attempt="2")
    assert progress.counts == Counts(10, 10, 0)
    assert [bench.endpoint.arrivals_of(raw(content)) for content in bodies] == [1] * 6 + [2] * 4
    output, _ = await bench.results()
    assert [line["custom_id"] for line in output] == [f"line-{n}" for n in range(10)]


async def test_progress_counts_what_earlier_attempts_answered(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}") for n in range(5)))
    done = await bench.run(attempt="1")
    bench.reports.clear()
    again = await bench.run(attempt="2")
    assert again == done
    assert {report.counts for report in bench.reports} == {Counts(5, 5, 0)}
    assert bench.endpoint.arrivals.total() == 5


async def test_a_cancelled_chunk_keeps_what_was_answered_and_the_rest_gets_the_reason(
    bench: Workbench,
) -> None:
    await bench.given(*(body(f"{n}", fault={"kind": "hang"} if n % 2 else None) for n in range(10)))
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.endpoint.arrivals.total() == 10)
    await kept(bench, lines=5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    output, errors = await bench.results(StopReason.CANCELLED)
    assert [line["custom_id"] for line in output] == [f"line-{n}" for n in range(0, 10, 2)]
    assert [line["custom_id"] for line in errors] == [f"line-{n}" for n in range(1, 10, 2)]
    assert {line["error"]["code"] for line in errors} == {"batch_cancelled"}
    assert all(line["response"] is None for line in errors)


async def test_a_lone_answer_is_kept_without_waiting_for_others(bench: Workbench) -> None:
    await bench.given(body("quick"), body("never", fault={"kind": "hang"}))
    running = asyncio.create_task(bench.run())
    async with asyncio.timeout(60):
        while not await parts(bench):  # noqa: ASYNC110 - what is waited for is in storage
            await asyncio.sleep(0.02)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    records = [record async for record in read_parts(bench.storage, bench.task().parts_prefix)]
    assert [record.index for record in records] == [0]


async def test_a_part_is_written_as_soon_as_it_is_full(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overnight.line_lane.held.PART_AGE", timedelta(hours=1))
    count = 2 * PART_LINES + 50
    await bench.given(*(body(f"{n}") for n in range(count)), body("never", fault={"kind": "hang"}))
    running = asyncio.create_task(bench.run())
    async with asyncio.timeout(60):
        while len(await parts(bench)) < 2:  # noqa: ASYNC110 - what is waited for is in storage
            await asyncio.sleep(0.02)
    kept = [record.index async for record in read_parts(bench.storage, bench.task().parts_prefix)]
    assert len(set(kept)) == len(kept) >= 2 * PART_LINES
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_senders_wait_while_the_store_is_too_slow_so_that_a_kill_loses_little(
    bench: Workbench,
) -> None:
    bench.storage = storage = SlowStorage()
    await bench.given(*(body(f"{n}") for n in range(1000)))
    storage.open.clear()
    running = asyncio.create_task(bench.run(max_parallel_requests=10))
    await until(lambda: bench.endpoint.arrivals.total() >= MAX_HELD_LINES)
    await asyncio.sleep(0.1)  # Time for many more, if nothing held them back.
    assert bench.endpoint.arrivals.total() <= MAX_HELD_LINES + 10
    storage.open.set()
    assert (await running).counts.completed == 1000


async def test_what_a_forgotten_attempt_still_writes_duplicates_nothing(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}") for n in range(4)))
    await bench.run(attempt="2")
    late = Record(index=1, ok=False, line=b'{"custom_id":"from the dead"}')
    part = pack_part([late], source=NOBODY)
    await bench.storage.put(part_key(BATCH, 0, 0, attempt="3", part=0), once(part))
    output, errors = await bench.results()
    assert [line["custom_id"] for line in output] == [f"line-{n}" for n in range(4)]
    assert errors == []


async def test_a_shard_with_unanswered_lines_is_not_sealed_without_a_reason(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}") for n in range(4)), chunk_lines=2)
    await bench.run(0)
    with pytest.raises(UnansweredLines) as caught:
        await bench.seal()
    assert (caught.value.missing, caught.value.first_index) == (2, 2)
    assert [object_.key async for object_ in bench.storage.list(f"work/{BATCH}/shard-0000/sealed/")] == []


async def test_an_expired_shard_that_never_ran_has_only_errors(bench: Workbench) -> None:
    await bench.given(body("a"), body("b"))
    sealed = await bench.seal(StopReason.EXPIRED)
    assert sealed.output is None
    assert sealed.counts == Counts(2, 0, 2)
    _, errors = await bench.results(StopReason.EXPIRED)
    assert [line["error"]["code"] for line in errors] == ["batch_expired"] * 2


async def test_sealing_twice_gives_the_same_bytes(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}") for n in range(20)))
    await bench.run()
    first = await bench.results()
    assert await bench.results() == first


async def test_a_full_store_holds_the_lane_until_there_is_room_and_nothing_is_sent_twice(
    bench: Workbench,
) -> None:
    bench.storage = storage = FullStorage()
    await bench.given(*(body(f"{n}") for n in range(600)))
    storage.full = True
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.waiting_on == "storage has no room left")
    assert bench.endpoint.arrivals.total() <= MAX_HELD_LINES + 2 * DEFAULT_PARALLEL_REQUESTS
    storage.full = False
    await running
    output, _ = await bench.results()
    assert len(output) == bench.endpoint.arrivals.total() == 600


async def test_a_chunk_that_is_stopped_while_the_store_is_full_says_what_it_could_not_keep(
    bench: Workbench,
) -> None:
    bench.storage = storage = FullStorage()
    await bench.given(*(body(f"{n}") for n in range(600)))
    storage.full = True
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.waiting_on is not None)
    running.cancel()
    with pytest.raises(StorageFull):
        await running


async def test_a_chunk_that_was_given_up_stands_in_the_way_of_no_other(bench: Workbench) -> None:
    bench.storage = storage = FullStorage()
    await bench.given(*(body(f"{n}") for n in range(600)))
    storage.full = True
    given_up = asyncio.create_task(bench.run(attempt="1"))
    await until(lambda: bench.waiting_on is not None)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    storage.full = False
    bench.reports.clear()
    progress = await bench.run(attempt="2")
    assert progress.counts == Counts(600, 600, 0)
    assert {report.waiting_on for report in bench.reports} == {None}


async def test_a_missing_input_is_an_error_that_names_it(bench: Workbench) -> None:
    await bench.given(body("a"))
    await bench.storage.delete(INPUT)
    with pytest.raises(ObjectNotFound, match=INPUT):
        await bench.run()


async def test_lines_and_chunks_of_any_size_are_read_as_they_stand(bench: Workbench) -> None:
    bodies = [body("é" * 2**20), *(body(f"{n}") for n in range(3)), body("x" * 3 * 2**20)]
    await bench.given(*bodies)
    await bench.run()
    assert [bench.endpoint.arrivals_of(raw(content)) for content in bodies] == [1] * 5


async def test_a_checkpoint_of_another_format_is_refused_by_name(bench: Workbench) -> None:
    await bench.given(body("a"))
    key = part_key(BATCH, 0, 0, attempt="0", part=0)
    await bench.storage.put(key, once(b"something else entirely"))
    with pytest.raises(UnreadableCheckpoint, match="part-000000"):
        await bench.run()


async def test_a_part_that_is_cut_short_is_refused(bench: Workbench) -> None:
    await bench.given(body("a"))
    whole = pack_part([Record(index=0, ok=True, line=b"{}")], source=NOBODY)
    await bench.storage.put(part_key(BATCH, 0, 0, attempt="0", part=0), once(whole[:-1]))
    with pytest.raises(UnreadableCheckpoint):
        await bench.seal(StopReason.EXPIRED)
