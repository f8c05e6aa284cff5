"""A catalog that was restored learns from Temporal what it does not know any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowHandle
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities.bookkeeping import Bookkeeping
from activities.events import EventBooks
from activities.housekeeping import Housekeeping
from activities.payloads import Record
from activities.recalling import ALL_BATCHES, Recalling
from overnight.catalog import Catalog
from overnight.domain import ids
from overnight.domain.batch import Batch, BatchChange
from overnight.domain.file import BatchFileKind
from overnight.domain.layout import file_key
from overnight.domain.spend import SpendBy, SpendQuery
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from tests.activities.house import INPUT, House, bookkeeping, settings
from tests.activities.test_housekeeping import Restarts
from tests.workflows.scripted import Script
from tests.workflows.stage import Stage
from tests.workflows.stories import BOTH_CHUNKS, ONE_SHARD, PRICE
from workflows.batch import BatchOutcome, BatchWorkflow


@dataclass
class Restored:
    """A catalog without rows, beside a Temporal and a store that have kept what they had."""

    temporal: WorkflowEnvironment
    house: House

    @property
    def catalog(self) -> Catalog:
        return self.house.catalog

    @property
    def recalling(self) -> Recalling:
        return Recalling(client=self.temporal.client, catalog=self.catalog, storage=self.house.storage)

    @property
    def books(self) -> Bookkeeping:
        return bookkeeping(self.house, recalling=self.recalling)

    async def reconcile(self) -> int:
        step = Housekeeping(
            catalog=self.catalog,
            client=self.temporal.client,
            restarts=Restarts(),
            events=EventBooks(settings=settings(), catalog=self.catalog),
            books=self.books,
            recalling=self.recalling,
        )
        return await ActivityEnvironment().run(step.reconcile)

    async def batch_that_ended(self, script: Script) -> str:
        stage = Stage(self.temporal)
        async with stage.playing(script):
            handle = await stage.begin(await stage.order())
            await handle.result()
        return handle.id

    @asynccontextmanager
    async def batch_that_runs(self) -> AsyncIterator[WorkflowHandle[BatchWorkflow, BatchOutcome]]:
        stage, script = Stage(self.temporal), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
        async with stage.playing(script):
            handle = await stage.begin(await stage.order())
            await script.all_stuck.wait()
            yield handle
            await handle.signal(BatchWorkflow.cancel)
            await handle.result()

    async def store(self, *file_ids: str) -> None:
        for file_id in file_ids:
            await self.house.put(file_key(file_id), b"{}\n")

    async def batch(self, batch_id: str) -> Batch:
        return await self.catalog.batch(batch_id)


@pytest.fixture
def restored(temporal: WorkflowEnvironment, house: House) -> Restored:
    return Restored(temporal, house)


async def test_a_batch_that_has_ended_is_put_back_with_its_money_and_its_files(restored: Restored) -> None:
    script = Script(ONE_SHARD, price=PRICE)
    batch_id = await restored.batch_that_ended(script)
    output, receipt = (
        ids.output_file_id(batch_id, kind) for kind in (BatchFileKind.OUTPUT, BatchFileKind.RECEIPT)
    )
    await restored.store(INPUT, output, receipt)

    found = [each async for each in restored.recalling.unknown(ALL_BATCHES) if each == batch_id]
    assert [await restored.books.recall(each) for each in found] == [BatchStatus.COMPLETED]
    batch, last = await restored.batch(batch_id), script.records[-1]
    assert (batch.status, batch.stamps, batch.counts) == (last.status, last.stamps, last.counts)
    assert (batch.account, batch.cost, batch.output_file_id) == (last.account, last.cost, "file-out")
    files = {each.id: each for each in await restored.house.files()}
    assert set(files) == {INPUT, output, receipt}
    assert {each.batch_id for each in files.values()} == {None, batch_id}
    assert files[receipt].expires_at is None
    (spent,) = await restored.catalog.spend(SpendQuery(project="default", by=(SpendBy.DAY,)))
    assert (spent.batches, spent.usd) == (1, last.cost)

    assert await restored.books.recall(batch_id) is BatchStatus.COMPLETED
    (again,) = await restored.catalog.spend(SpendQuery(project="default", by=(SpendBy.DAY,)))
    assert again == spent
    assert batch_id not in [each async for each in restored.recalling.unknown(ALL_BATCHES)]


async def test_a_row_that_says_it_runs_of_a_batch_that_has_ended_is_brought_up_to_date(
    restored: Restored,
) -> None:
    script = Script(ONE_SHARD, price=PRICE)
    stage = Stage(restored.temporal)
    async with stage.playing(script):
        order = await stage.order()
        await restored.catalog.add_batch(order)
        await (await stage.begin(order)).result()
    await restored.catalog.record(order.batch_id, script.records[0])
    assert await restored.reconcile() == 1
    batch = await restored.batch(order.batch_id)
    assert (batch.status, batch.cost) == (BatchStatus.COMPLETED, script.records[-1].cost)
    assert await restored.reconcile() == 0


async def test_a_batch_that_runs_gets_a_row_within_one_round_of_housekeeping(restored: Restored) -> None:
    async with restored.batch_that_runs() as handle:
        await restored.store(INPUT)

        async with asyncio.timeout(60):
            # Temporal lists what has begun a little later.
            while await restored.catalog.unknown_batches({handle.id}):
                await restored.reconcile()
        assert (await restored.batch(handle.id)).status is BatchStatus.IN_PROGRESS
        assert [each.id for each in await restored.house.files()] == [INPUT]


async def test_what_a_batch_has_written_makes_its_row_if_there_is_none(restored: Restored) -> None:
    async with restored.batch_that_runs() as handle:
        change = BatchChange(
            revision=int(datetime.now(UTC).timestamp() * 1_000_000),
            status=BatchStatus.FINALIZING,
            counts=Counts(20, 20, 0),
        )
        record = Record(batch_id=handle.id, change=change)
        assert await ActivityEnvironment().run(restored.books.record, record) == change.revision
        assert (await restored.batch(handle.id)).status is BatchStatus.FINALIZING


async def test_a_look_at_the_progress_makes_the_row_if_there_is_none(restored: Restored) -> None:
    async with restored.batch_that_runs() as handle:
        report = await ActivityEnvironment().run(restored.books.read_progress, handle.id)
        assert (report.completed, report.failed) == (0, 0)
        assert not await restored.catalog.unknown_batches({handle.id})


async def test_a_batch_that_nobody_knows_is_written_by_no_step_and_fails_none(restored: Restored) -> None:
    change = BatchChange(revision=7, status=BatchStatus.COMPLETED)
    record = Record(batch_id="batch_nobody_knows", change=change)
    assert await ActivityEnvironment().run(restored.books.record, record) == 7


async def test_what_temporal_does_not_know_or_cannot_tell_is_left_alone(restored: Restored) -> None:
    assert await restored.books.recall("batch_nobody_knows") is None
    odd = await restored.temporal.client.start_workflow(
        "Batch", "no order at all", id="batch_odd", task_queue="nobody-polls-this"
    )
    assert await restored.books.recall(odd.id) is None
    await odd.terminate()


async def test_a_row_that_knows_more_than_temporal_stays_as_it_is(restored: Restored) -> None:
    script = Script(ONE_SHARD)
    batch_id = await restored.batch_that_ended(script)
    await restored.books.recall(batch_id)
    later = replace(script.records[-1], revision=script.records[-1].revision + 1, model="another")
    await restored.catalog.record(batch_id, later)
    assert await restored.books.recall(batch_id) is BatchStatus.COMPLETED
    assert (await restored.batch(batch_id)).model == "another"
