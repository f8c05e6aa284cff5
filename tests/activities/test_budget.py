"""A batch costs no more than it may, also while nobody can look up what it has cost."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities import budget as module
from activities.budget import Budget
from activities.lines import Lines
from activities.payloads import ChunkDone
from overnight.catalog import Catalog
from overnight.domain.errors import CatalogUnavailable
from overnight.line_lane import LineLane
from simulators.endpoint import EndpointSimulator
from tests.activities.house import House, deployment, line, settings
from tests.activities.test_lines import CHUNK, DEAR, HANGS, given, until

CAPPED = replace(CHUNK, max_cost=Decimal(10_000))
LINES = 6


@pytest.fixture
async def endpoint() -> AsyncIterator[EndpointSimulator]:
    async with EndpointSimulator() as simulator:
        yield simulator


class FailingCatalog(Catalog):
    """Tells what was spent, or raises what is next in `looks`; reports fail while `is_read_only`."""

    looks: list[Exception | Decimal]
    is_read_only = False

    @classmethod
    def of(cls, house: House, *looks: Exception | Decimal) -> "FailingCatalog":
        catalog = cls(house.catalog._engine)
        catalog.looks = [*looks]
        return catalog

    async def cost_so_far(self, batch_id: str, **beside: Any) -> Decimal:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        return look

    async def report_progress(self, batch_id: str, **report: Any) -> None:
        if self.is_read_only:
            raise RuntimeError("can't start new thread")
        await super().report_progress(batch_id, **report)


async def send(
    house: House,
    endpoint: EndpointSimulator,
    catalog: Catalog,
    *,
    capped: bool = True,
    environment: ActivityEnvironment | None = None,
) -> ChunkDone:
    here = settings(deployment(api_base=endpoint.base_url, price=DEAR, max_parallel_requests=1))
    async with LineLane() as lane:
        steps = Lines(settings=here, catalog=catalog, storage=house.storage, lane=lane)
        running = (environment or ActivityEnvironment()).run(steps.send_chunk, CAPPED if capped else CHUNK)
        return await running


@pytest.mark.parametrize("error", [CatalogUnavailable(), RuntimeError("can't start new thread"), EOFError()])
async def test_whatever_keeps_it_from_looking_it_looks_again(
    house: House, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_INTERVAL", timedelta(0))
    catalog = FailingCatalog.of(house, Decimal(0), error, error, Decimal(10_000))
    budget = Budget(catalog, CAPPED)
    assert budget.price_of(deployment(price=DEAR), "m") is not None
    async with budget.watched():
        assert not budget.used_up(Decimal(0))
        await until(lambda: budget.used_up(Decimal(0)))
    assert not budget.lost


async def test_no_line_is_sent_before_it_is_known_what_the_others_have_cost(
    house: House, endpoint: EndpointSimulator
) -> None:
    await given(house, *map(line, range(LINES)))
    with pytest.raises(CatalogUnavailable):
        await send(house, endpoint, FailingCatalog.of(house, CatalogUnavailable()))
    assert endpoint.arrivals.total() == 0
    # Where nobody asks what is spent, nobody looks.
    done = await send(house, endpoint, FailingCatalog.of(house, CatalogUnavailable()), capped=False)
    assert (done.completed, endpoint.arrivals.total()) == (LINES, LINES)


async def test_once_nobody_has_seen_for_long_what_it_costs_the_lines_wait_for_another_attempt(
    house: House, endpoint: EndpointSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given(house, *map(line, range(LINES)))
    blind = FailingCatalog.of(house, Decimal(0), CatalogUnavailable())
    with monkeypatch.context() as patch:
        patch.setattr(module, "LONGEST_UNSEEN", timedelta(0))
        with pytest.raises(CatalogUnavailable, match="nobody can see what the batch costs"):
            await send(house, endpoint, blind)
    assert endpoint.arrivals.total() == 0
    # Less than the longest time is nothing to stop for.
    monkeypatch.setattr(module, "LONGEST_UNSEEN", timedelta(hours=1))
    seen = FailingCatalog.of(house, Decimal(0), CatalogUnavailable())
    done = await send(house, endpoint, seen)
    assert (done.completed, done.over_budget, endpoint.arrivals.total()) == (LINES, False, LINES)


async def test_a_chunk_whose_cost_the_others_were_not_told_is_not_done(
    house: House, endpoint: EndpointSimulator
) -> None:
    await given(house, *map(line, range(LINES)))
    catalog = FailingCatalog.of(house, Decimal(0))
    catalog.is_read_only = True
    with pytest.raises(CatalogUnavailable):
        await send(house, endpoint, catalog)
    assert await house.catalog.cost_so_far(CHUNK.batch_id, beside_shard=0, beside_chunk=1) == 0
    catalog.is_read_only = False
    done = await send(house, endpoint, catalog)
    assert (done.completed, endpoint.arrivals.total()) == (LINES, LINES)
    assert await house.catalog.cost_so_far(CHUNK.batch_id, beside_shard=0, beside_chunk=1) >= LINES


def test_lines_wait_while_the_others_are_not_told_what_they_cost(house: House) -> None:
    unheard = Budget(house.catalog, CAPPED)
    just, long = module.LONGEST_UNSEEN, module.LONGEST_UNSEEN + timedelta(seconds=1)
    assert not unheard.out_of_sight(unreported=just)
    assert unheard.out_of_sight(unreported=long)
    # What was kept back is not sent by this attempt any more.
    assert unheard.out_of_sight(unreported=timedelta(0))
    assert not Budget(house.catalog, CHUNK).out_of_sight(unreported=long)


async def test_a_chunk_that_was_told_to_stop_ends_with_what_it_has_whatever_can_be_seen(
    house: House, endpoint: EndpointSimulator
) -> None:
    await given(house, line(0), line(1, **HANGS))
    catalog = FailingCatalog.of(house, Decimal(0))
    catalog.is_read_only = True
    environment = ActivityEnvironment()
    running = asyncio.create_task(send(house, endpoint, catalog, environment=environment))
    await until(lambda: endpoint.arrivals.total() == 2)
    environment.cancel(ActivityCancellationDetails(cancel_requested=True))
    done = await running
    assert (done.completed, done.total, done.over_budget) == (1, 2, False)
