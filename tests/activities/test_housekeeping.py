"""Housekeeping: rows that say a batch runs while no workflow does."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Worker

from activities.event_payloads import Telling
from activities.events import EventBooks
from activities.housekeeping import Housekeeping
from activities.recalling import Recalling
from overnight.catalog import Catalog
from overnight.domain.batch import Batch, BatchChange, BatchOrder, Stamps
from overnight.domain.errors import TemporalUnavailable
from overnight.domain.event import EventType
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.events.settings import RemoteSettings, WebhookSettings
from tests.activities.house import NOW, House, bookkeeping, order, settings
from tests.activities.tales import Ends

BEGUN = BatchChange(
    revision=int(NOW.timestamp() * 1_000_000),
    status=BatchStatus.IN_PROGRESS,
    stamps=Stamps(in_progress_at=NOW),
    counts=Counts(10),
    model="m",
)


@dataclass
class Restarts:
    """Remembers what was to be started again; those in `refused` can't be."""

    asked: list[tuple[str, bool]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    told: list[Telling] = field(default_factory=list)

    async def start_again(self, order: BatchOrder, *, cancelled: bool) -> None:
        if order.batch_id in self.refused:
            raise TemporalUnavailable
        self.asked.append((order.batch_id, cancelled))

    async def tell(self, telling: Telling) -> None:
        if telling.occurrence.batch_id in self.refused:
            raise TemporalUnavailable
        self.told.append(telling)


@dataclass
class Keeper:
    """A housekeeper with a catalog of its own and the real Temporal."""

    temporal: WorkflowEnvironment
    house: House
    catalog: Catalog
    restarts: Restarts = field(default_factory=Restarts)
    sinks: Mapping[str, RemoteSettings] = field(default_factory=dict)

    async def reconcile(self) -> int:
        client, catalog = self.temporal.client, self.catalog
        recalling = Recalling(client=client, catalog=catalog, storage=self.house.storage)
        step = Housekeeping(
            catalog=catalog,
            client=client,
            restarts=self.restarts,
            events=EventBooks(settings=settings(sinks=self.sinks), catalog=catalog),
            books=bookkeeping(self.house, recalling=recalling),
            recalling=recalling,
        )
        return await ActivityEnvironment().run(step.reconcile)

    async def row(self) -> str:
        """Add a row that says its batch runs, and return the batch's id."""
        batch_id = f"batch_{secrets.token_hex(8)}"
        await self.house.catalog.add_batch(order(batch_id))
        await self.house.catalog.record(batch_id, BEGUN)
        return batch_id

    async def workflow(self, batch_id: str) -> WorkflowHandle[Ends, None]:
        """Start a workflow of that id, which nobody works on."""
        return await self.temporal.client.start_workflow(
            Ends.run, "well", id=batch_id, task_queue="nobody-polls-this"
        )

    async def ended_workflow(self, batch_id: str, *, how: str) -> None:
        queue = secrets.token_hex(8)
        async with Worker(self.temporal.client, task_queue=queue, workflows=[Ends]):
            with suppress(WorkflowFailureError):
                await self.temporal.client.execute_workflow(Ends.run, how, id=batch_id, task_queue=queue)

    async def batch(self, batch_id: str) -> Batch:
        return await self.house.catalog.batch(batch_id)


@pytest.fixture
def keeper(temporal: WorkflowEnvironment, house: House) -> Keeper:
    return Keeper(temporal, house, house.catalog)


async def test_a_batch_that_runs_is_left_alone(keeper: Keeper) -> None:
    batch_id = await keeper.row()
    handle = await keeper.workflow(batch_id)
    assert await keeper.reconcile() == 0
    assert keeper.restarts.asked == []
    await handle.terminate()


async def test_a_batch_that_somebody_terminated_is_told_again_with_a_cancel(keeper: Keeper) -> None:
    batch_id = await keeper.row()
    await (await keeper.workflow(batch_id)).terminate()
    assert await keeper.reconcile() == 1
    assert keeper.restarts.asked == [(batch_id, True)]


async def test_a_batch_that_temporal_has_lost_goes_on(keeper: Keeper) -> None:
    batch_id = await keeper.row()
    assert await keeper.reconcile() == 1
    assert keeper.restarts.asked == [(batch_id, False)]


async def test_a_batch_that_temporal_has_lost_is_still_to_be_cancelled_if_its_client_wants_that(
    keeper: Keeper,
) -> None:
    batch_id = await keeper.row()
    await keeper.catalog.request_cancel(batch_id, at=NOW)
    assert await keeper.reconcile() == 1
    assert keeper.restarts.asked == [(batch_id, True)]


@pytest.mark.parametrize("how", ["well", "badly"])
async def test_a_batch_whose_story_came_to_its_end_without_its_row_is_failed_and_not_told_again(
    keeper: Keeper, how: str
) -> None:
    batch_id = await keeper.row()
    await keeper.ended_workflow(batch_id, how=how)
    before = datetime.now(UTC)
    assert [await keeper.reconcile(), await keeper.reconcile()] == [1, 0]
    assert keeper.restarts.asked == []
    batch = await keeper.batch(batch_id)
    assert batch.status is BatchStatus.FAILED
    assert [error.code for error in batch.errors] == ["internal_error"]
    assert batch.errors_total == 1
    assert batch.stamps.in_progress_at == NOW
    assert batch.stamps.failed_at is not None
    assert batch.stamps.failed_at >= before
    assert (batch.counts, batch.model) == (Counts(10), "m")


async def test_a_late_write_of_a_workflow_does_not_turn_such_a_batch_back(keeper: Keeper) -> None:
    batch_id = await keeper.row()
    await keeper.ended_workflow(batch_id, how="badly")
    late = BatchChange(revision=int(datetime.now(UTC).timestamp() * 1_000_000), status=BatchStatus.FINALIZING)
    await keeper.reconcile()
    await keeper.house.catalog.record(batch_id, late)
    assert (await keeper.batch(batch_id)).status is BatchStatus.FAILED


async def test_a_batch_that_ends_between_the_list_and_the_look_is_left_alone(
    temporal: WorkflowEnvironment, house: House
) -> None:
    class EndsMeanwhile(Catalog):
        async def unfinished_batches(self) -> list[BatchOrder]:
            unfinished = await super().unfinished_batches()
            for each in unfinished:
                end = BatchChange(revision=BEGUN.revision + 1, status=BatchStatus.COMPLETED)
                await self.record(each.batch_id, end)
                await watching.ended_workflow(each.batch_id, how="well")
            return unfinished

    watching = Keeper(temporal, house, EndsMeanwhile(house.catalog._engine))
    batch_id = await watching.row()
    assert await watching.reconcile() == 0
    assert watching.restarts.asked == []
    assert (await watching.batch(batch_id)).status is BatchStatus.COMPLETED


async def test_one_batch_that_cannot_be_started_again_does_not_hold_up_the_others(keeper: Keeper) -> None:
    refused, other = await keeper.row(), await keeper.row()
    keeper.restarts.refused.add(refused)
    assert await keeper.reconcile() == 1
    assert keeper.restarts.asked == [(other, False)]
    keeper.restarts.refused.clear()
    assert await keeper.reconcile() == 2


async def test_sinks_hear_of_a_batch_that_only_its_row_says_has_failed(keeper: Keeper) -> None:
    keeper.sinks = {"audit": WebhookSettings(name="audit", url="http://127.0.0.1:9", secret="MDEyMw==")}
    batch_id = await keeper.row()
    await keeper.ended_workflow(batch_id, how="badly")
    await keeper.reconcile()
    (telling,) = keeper.restarts.told
    assert (telling.occurrence.batch_id, telling.occurrence.type) == (batch_id, EventType.FAILED)
    assert (telling.sinks, telling.occurrence.counts) == (("audit",), Counts(10))


async def test_such_a_batch_stays_unsettled_while_its_event_cannot_leave(keeper: Keeper) -> None:
    keeper.sinks = {"audit": WebhookSettings(name="audit", url="http://127.0.0.1:9", secret="MDEyMw==")}
    batch_id = await keeper.row()
    keeper.restarts.refused.add(batch_id)
    await keeper.ended_workflow(batch_id, how="badly")
    assert await keeper.reconcile() == 0
    assert not (await keeper.batch(batch_id)).status.ended
