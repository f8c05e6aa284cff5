"""The line lane's steps, against an endpoint over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.budget import Budget
from activities.lines import Lines
from activities.payloads import ChunkDone, ChunkOrder, SealedShard, SealOrder
from activities.seal import Seal
from overnight.config import Settings
from overnight.domain.batch import BatchChange
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import BatchOver, StorageFull
from overnight.domain.file import BatchFileKind
from overnight.domain.layout import plan_key, sealed_key
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.status import BatchStatus, StopReason
from overnight.domain.usage import Counts, TokenKind
from overnight.line_lane import LineLane
from overnight.outcomes import UnansweredLines
from simulators.endpoint import EndpointSimulator
from tests.activities.house import BATCH, INPUT, House, deployment, line, order, settings

HANGS = {"metadata": {"fault": json.dumps({"kind": "hang", "times": 1})}}
"""A line that gets no answer the first time, whoever asks."""

CHUNK = ChunkOrder(
    batch_id=BATCH,
    shard=0,
    chunk=0,
    input_file_id=INPUT,
    endpoint=Endpoint.CHAT_COMPLETIONS,
    deployment="dep_1",
)


@pytest.fixture
async def endpoint() -> AsyncIterator[EndpointSimulator]:
    async with EndpointSimulator() as simulator:
        yield simulator


@pytest.fixture
async def steps(house: House, endpoint: EndpointSimulator) -> AsyncIterator[Lines]:
    here = settings(deployment(api_base=endpoint.base_url))
    async with LineLane() as lane:
        yield Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)


async def given(house: House, *content: bytes, with_: Settings | None = None) -> None:
    await house.catalog.add_batch(order())
    await house.upload(b"".join(content))
    await house.ingest(with_=with_)


async def seal(house: House, *, reason: StopReason | None = None) -> SealedShard:
    placed = SealOrder(batch_id=BATCH, shard=0, input_file_id=INPUT, missing=reason and reason.no_answer)
    return await ActivityEnvironment().run(
        Seal(catalog=house.catalog, storage=house.storage).seal_shard, placed
    )


async def results(house: House, sealed: SealedShard, kind: BatchFileKind) -> list[Any]:
    content = await house.content(sealed_key(BATCH, 0, attempt=sealed.attempt, kind=kind))
    return [json.loads(each) for each in content.splitlines()]


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110 - heartbeats have no event to wait for
            await asyncio.sleep(0.005)


class Attempt:
    """An attempt at the chunk that runs until a test does something about it."""

    def __init__(self, steps: Lines) -> None:
        self._environment = ActivityEnvironment()
        self.beats: list[Any] = []
        self._environment.on_heartbeat = self.beats.append
        self._running = asyncio.ensure_future(self._environment.run(steps.send_chunk, CHUNK))

    async def has_answered(self, lines: int) -> None:
        """Wait until it says so to Temporal."""
        await until(lambda: bool(self.beats) and self.beats[-1]["done"] == lines)

    async def cancelled(self, **why: bool) -> ChunkDone:
        self._environment.cancel(ActivityCancellationDetails(**why))
        return await self._running


async def test_a_chunk_tells_the_catalog_and_temporal_how_far_it_is(house: House, steps: Lines) -> None:
    await given(house, *map(line, range(20)))
    environment, beats = ActivityEnvironment(), list[Any]()
    environment.on_heartbeat = beats.append
    counts = await environment.run(steps.send_chunk, CHUNK)
    assert counts == done(20)
    batch = await house.catalog.batch(BATCH)
    assert batch.counts.completed == 20
    assert batch.tokens_so_far > 0
    assert beats[0]["of"] == 20


async def test_a_chunk_that_was_sent_before_is_not_sent_again(
    house: House, steps: Lines, endpoint: EndpointSimulator
) -> None:
    await given(house, *map(line, range(20)))
    for _ in range(2):
        assert await ActivityEnvironment().run(steps.send_chunk, CHUNK) == done(20)
    assert endpoint.arrivals.total() == 20


async def test_a_deployment_of_any_model_is_asked_for_the_default_one_where_a_line_names_none(
    house: House, endpoint: EndpointSimulator
) -> None:
    here = settings(deployment(model_name="*", api_base=endpoint.base_url), default_model="m")
    await given(house, line(0).replace(b'"model": "m", ', b""), line(1), with_=here)
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)
        counts = await ActivityEnvironment().run(steps.send_chunk, replace(CHUNK, default_model="m"))
    assert counts == done(2)
    answers = await results(house, await seal(house), BatchFileKind.OUTPUT)
    assert [answer["response"]["body"]["model"] for answer in answers] == ["m", "m"]


async def test_a_cancel_of_the_batch_returns_what_is_answered(house: House, steps: Lines) -> None:
    await given(house, *map(line, range(10)), line(10, **HANGS), line(11, **HANGS))
    attempt = Attempt(steps)
    await attempt.has_answered(10)
    assert await attempt.cancelled(cancel_requested=True) == ChunkDone(total=12, completed=10, failed=0)
    assert (await house.catalog.batch(BATCH)).counts.completed == 10
    sealed = await seal(house, reason=StopReason.CANCELLED)
    assert sealed.counts == Counts(12, 10, 2)
    assert [each["custom_id"] for each in await results(house, sealed, BatchFileKind.ERROR)] == [
        "line-10",
        "line-11",
    ]


async def test_a_worker_that_stops_hands_the_chunk_back_and_another_sends_only_the_rest(
    house: House, steps: Lines, endpoint: EndpointSimulator
) -> None:
    await given(house, *map(line, range(10)), line(10, **HANGS))
    attempt = Attempt(steps)
    await attempt.has_answered(10)
    with pytest.raises(asyncio.CancelledError):
        await attempt.cancelled(worker_shutdown=True)
    assert await ActivityEnvironment().run(steps.send_chunk, CHUNK) == done(11)
    assert endpoint.arrivals.total() == 12


async def test_a_sealed_shard_has_every_line_in_input_order(house: House, steps: Lines) -> None:
    await given(house, *map(line, range(50)))
    await ActivityEnvironment().run(steps.send_chunk, CHUNK)
    sealed = await seal(house)
    assert (sealed.counts, sealed.error_bytes) == (Counts(50, 50, 0), 0)
    assert sealed.usage.total > 0
    answered = [each["custom_id"] for each in await results(house, sealed, BatchFileKind.OUTPUT)]
    assert answered == [f"line-{number}" for number in range(50)]


async def test_two_attempts_at_sealing_do_not_share_an_object(house: House, steps: Lines) -> None:
    await given(house, line(0))
    await ActivityEnvironment().run(steps.send_chunk, CHUNK)
    first, second = await seal(house), await seal(house)
    assert first.attempt != second.attempt
    assert await results(house, first, BatchFileKind.OUTPUT) == await results(
        house, second, BatchFileKind.OUTPUT
    )


async def test_a_shard_that_there_is_no_room_to_seal_says_so(house: House, steps: Lines) -> None:
    await given(house, line(0))
    await ActivityEnvironment().run(steps.send_chunk, CHUNK)
    house.storage.capacity = 0
    with pytest.raises(StorageFull):
        await seal(house)
    assert (await house.catalog.batch(BATCH)).waiting_on == "no room left in memory"
    house.storage.capacity = None
    await seal(house)
    assert (await house.catalog.batch(BATCH)).waiting_on is None


async def test_a_shard_with_unanswered_lines_is_not_sealed_as_complete(house: House, steps: Lines) -> None:
    await given(house, line(0))
    with pytest.raises(UnansweredLines):
        await seal(house)


async def test_a_batch_that_was_reset_after_its_end_is_given_up_at_once(house: House, steps: Lines) -> None:
    await given(house, line(0))
    await house.catalog.record(BATCH, BatchChange(revision=1, status=BatchStatus.COMPLETED))
    await house.storage.delete(plan_key(BATCH, 0))
    with pytest.raises(BatchOver):
        await ActivityEnvironment().run(steps.send_chunk, CHUNK)
    with pytest.raises(BatchOver):
        await seal(house)


DEAR = Price(source=DECLARED, rates=(Rates(usd={TokenKind.INPUT: Decimal(0), TokenKind.OUTPUT: Decimal(1)}),))
"""A dollar a token that the model writes; the simulator writes at least one in each answer."""


async def test_no_line_is_begun_once_the_batch_has_cost_what_it_may(
    house: House, endpoint: EndpointSimulator
) -> None:
    here = settings(deployment(api_base=endpoint.base_url, price=DEAR, max_parallel_requests=2))
    await given(house, *map(line, range(200)), with_=here)
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)
        ended = await ActivityEnvironment().run(steps.send_chunk, replace(CHUNK, max_cost=Decimal(10)))
    assert ended.over_budget
    assert 0 < ended.completed <= 12
    assert endpoint.arrivals.total() == ended.completed
    sealed = await seal(house, reason=StopReason.MAX_COST)
    failed = await results(house, sealed, BatchFileKind.ERROR)
    assert {each["error"]["code"] for each in failed} == {"max_cost_reached"}
    assert len(failed) == 200 - ended.completed


async def test_what_other_chunks_have_cost_counts_too(house: House, endpoint: EndpointSimulator) -> None:
    here = settings(deployment(api_base=endpoint.base_url, price=DEAR))
    await given(house, *map(line, range(20)), with_=here)
    counts = Counts(1_000, 10, 0)
    await house.catalog.report_progress(
        BATCH, shard=1, chunk=0, attempt="a", counts=counts, cost=Decimal("10.5")
    )
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)
        ended = await ActivityEnvironment().run(steps.send_chunk, replace(CHUNK, max_cost=Decimal(10)))
    assert (ended.over_budget, ended.completed, endpoint.arrivals.total()) == (True, 0, 0)


WRITES_NOTHING = Price(source=DECLARED, rates=(Rates(usd={TokenKind.INPUT: Decimal(0)}),))


@pytest.mark.parametrize(("price", "most"), [(None, 0), (WRITES_NOTHING, 2)], ids=["unknown", "in part"])
async def test_a_budget_that_nobody_can_keep_is_used_up(
    house: House, endpoint: EndpointSimulator, price: Price | None, most: int
) -> None:
    here = settings(deployment(api_base=endpoint.base_url, price=price, max_parallel_requests=1))
    await given(house, *map(line, range(20)), with_=here)
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)
        ended = await ActivityEnvironment().run(steps.send_chunk, replace(CHUNK, max_cost=Decimal(10)))
    assert ended.over_budget
    assert endpoint.arrivals.total() == ended.completed <= most


async def test_a_chunk_whose_cost_nobody_knows_leaves_the_others_no_budget_though_it_is_through_itself(
    house: House, endpoint: EndpointSimulator
) -> None:
    here = settings(deployment(api_base=endpoint.base_url, price=WRITES_NOTHING))
    await given(house, *map(line, range(3)), with_=here)
    capped = replace(CHUNK, max_cost=Decimal(10))
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)
        ended = await ActivityEnvironment().run(steps.send_chunk, capped)
    assert (ended.completed, ended.over_budget) == (3, False)
    other = Budget(house.catalog, replace(capped, chunk=1))
    assert other.price_of(deployment(price=DEAR), "m") is not None
    async with other.watched():
        assert other.used_up(Decimal(0))


def test_a_budget_counts_an_answer_at_the_price_of_its_service_tier(house: House) -> None:
    flex = replace(DEAR, service_tier="flex")
    budget = Budget(house.catalog, replace(CHUNK, max_cost=Decimal(1)))
    price_of = budget.price_of(deployment(price=DEAR, tier_prices={"flex": flex}), "m")
    assert price_of is not None
    assert (price_of(None), price_of("flex")) == (DEAR, flex)
    assert not budget.used_up(Decimal(0))
    assert Budget(house.catalog, CHUNK).price_of(deployment(price=DEAR), "m") is None


async def test_a_chunk_that_is_through_is_not_over_its_budget(
    house: House, endpoint: EndpointSimulator
) -> None:
    here = settings(deployment(api_base=endpoint.base_url, price=DEAR))
    await given(house, *map(line, range(3)), with_=here)
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=house.catalog, storage=house.storage, lane=lane)
        ended = await ActivityEnvironment().run(steps.send_chunk, replace(CHUNK, max_cost=Decimal("0.5")))
    assert (ended.over_budget, ended.completed) == (False, 3)


def done(lines: int) -> ChunkDone:
    return ChunkDone(total=lines, completed=lines)
