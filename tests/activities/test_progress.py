"""Reports of progress: the last one counts, and is written whatever happens around it."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.progress import ProgressReports
from overnight.catalog import Catalog
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.plan import Chunk
from overnight.domain.usage import Counts
from overnight.line_lane import ChunkProgress, ChunkTask
from tests.activities.house import BATCH, House, order

TASK = ChunkTask(
    batch_id=BATCH,
    input_key="files/input",
    endpoint=Endpoint.CHAT_COMPLETIONS,
    shard=0,
    number=0,
    chunk=Chunk(0, 100, 0, 10),
    attempt="1",
)
ALL = ChunkProgress(counts=Counts(10, 10, 0), tokens=30)


class SlowCatalog(Catalog):
    """Takes its time over the first report, until it is interrupted."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.writing = asyncio.Event()
        self.reports = 0

    async def report_progress(self, batch_id: str, **report: Any) -> None:
        self.reports += 1
        if self.reports == 1:
            self.writing.set()
            await asyncio.Event().wait()
        await super().report_progress(batch_id, **report)


class DownCatalog(Catalog):
    async def report_progress(self, batch_id: str, **report: Any) -> None:
        raise CatalogUnavailable


async def test_a_report_whose_writing_is_cut_off_by_the_end_is_written_at_the_end(house: House) -> None:
    await house.catalog.add_batch(order())
    slow = SlowCatalog(house.catalog._engine)
    reports = ProgressReports(slow, TASK)
    async with reports.writing():
        reports.take(ALL)
        await slow.writing.wait()
    assert (await house.catalog.batch(BATCH)).counts.completed == 10


async def test_what_is_not_new_is_not_written(house: House) -> None:
    slow = SlowCatalog(house.catalog._engine)
    reports = ProgressReports(slow, TASK)
    async with reports.writing():
        reports.take(ChunkProgress(counts=Counts(10)))
    assert slow.reports == 0


@pytest.mark.parametrize("max_cost", [Decimal("1.0000000005"), Decimal("1E-12"), Decimal(5)])
async def test_a_cost_that_nobody_knows_is_as_much_as_the_batch_may_cost(
    house: House, max_cost: Decimal
) -> None:
    reports = ProgressReports(house.catalog, TASK, max_cost=max_cost)
    async with reports.writing():
        reports.take(replace(ALL, cost=None))
    assert await house.catalog.cost_so_far(BATCH, beside_shard=0, beside_chunk=1) >= max_cost


async def test_where_nobody_asks_what_is_spent_an_unknown_cost_is_none(house: House) -> None:
    reports = ProgressReports(house.catalog, TASK)
    async with reports.writing():
        reports.take(replace(ALL, cost=None))
    assert await house.catalog.cost_so_far(BATCH, beside_shard=0, beside_chunk=1) == 0


async def test_a_catalog_that_is_down_costs_the_picture_only(house: House) -> None:
    reports = ProgressReports(DownCatalog(house.catalog._engine), TASK)
    async with reports.writing():
        reports.take(ALL)
    assert reports.summary() == {"done": 10, "of": 10, "failed": 0, "waiting_on": None}
