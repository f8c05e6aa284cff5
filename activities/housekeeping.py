"""What keeps the house in order, on a schedule: rows that say a batch runs, and no workflow that does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus

from activities.bookkeeping import Bookkeeping
from activities.ending import EndMeter
from activities.event_payloads import Telling
from activities.events import EventBooks
from activities.executions import described
from activities.heartbeat import heartbeating
from activities.lost_shards import tell_of_lost_shards
from activities.recalling import BATCHES_THAT_RUN, Recalling
from overnight.catalog import Catalog
from overnight.domain.batch import Batch, BatchChange, BatchError, BatchOrder
from overnight.domain.errors import TemporalUnavailable
from overnight.domain.event import EventType, Occurrence
from overnight.domain.status import BatchStatus

_AT_ITS_END = (WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED)
"""A story that came to its own end would come to the same one again, every time it is told."""

_EPOCH = datetime.fromtimestamp(0, UTC)

_log = structlog.stdlib.get_logger(__name__)


class Restarts(Protocol):
    """How a batch's story is started once more (`workflows.runs`)."""

    async def start_again(self, order: BatchOrder, *, cancelled: bool) -> None:
        """Start it, unless it runs; with `cancelled`, to a cancel. Raises TemporalUnavailable."""
        ...

    async def tell(self, telling: Telling) -> None:
        """Hand over an event of a batch whose story can't. Raises TemporalUnavailable."""
        ...


class Housekeeping:
    """Reconciles rows with workflows."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        client: Client,
        restarts: Restarts,
        events: EventBooks,
        books: Bookkeeping,
        recalling: Recalling,
        ends: EndMeter | None = None,
    ) -> None:
        self._catalog = catalog
        self._books = books
        self._recalling = recalling
        self._events = events
        self._ends = ends or EndMeter()
        self._client = client
        self._restarts = restarts

    @activity.defn(name="reconcile")
    async def reconcile(self) -> int:
        """Settle every batch of which row and workflow don't both say that it runs; return how many."""
        settled = 0
        async with heartbeating():
            unfinished = await self._catalog.unfinished_batches()
            for order in unfinished:
                settled += await self._settle(order)
            settled += await self._put_back_unknown(known=len(unfinished))
        return settled

    async def _put_back_unknown(self, *, known: int) -> int:
        """Give those that run rows which have none: the catalog was restored, and is from before them."""
        if (await self._client.count_workflows(BATCHES_THAT_RUN)).count <= known:
            return 0
        put_back = 0
        async for batch_id in self._recalling.unknown(BATCHES_THAT_RUN):
            put_back += await self._books.recall(batch_id) is not None
        return put_back

    async def _settle(self, order: BatchOrder) -> bool:
        workflow = await described(self._client, order.batch_id)
        status = workflow.status if workflow else None
        if workflow and status is WorkflowExecutionStatus.RUNNING:
            await tell_of_lost_shards(self._client, workflow)
            return False
        # A batch may have ended between the list and this look. Its row is written before its workflow
        # closes, so now it tells.
        batch = await self._catalog.batch(order.batch_id)
        if batch.status.ended:
            return False
        try:
            settled_as = await self._settle_by(status, batch)
        except TemporalUnavailable as error:
            # One that can't be started again is no reason to leave all the others unsettled.
            _log.warning("batch not settled", batch_id=order.batch_id, reason=error.message)
            return False
        _log.warning(
            "batch had no workflow",
            batch_id=order.batch_id,
            workflow_status="unknown" if status is None else status.name.lower(),
            settled_as=settled_as,
        )
        return True

    async def _settle_by(self, status: WorkflowExecutionStatus | None, batch: Batch) -> str:
        """Do what the workflow's status asks for, None being that of a workflow unknown to Temporal."""
        if status in _AT_ITS_END:
            # The row may be from a backup, and know less than was written before.
            recalled = await self._books.recall(batch.order.batch_id)
            if recalled is not None and recalled.ended:
                return recalled.value
            await self._give_up(batch, now=datetime.now(UTC))
            return "failed"
        # A workflow that somebody ended is a batch that somebody cancelled. One that Temporal has never
        # heard of was lost with Temporal's own database, and nobody wanted that: it goes on, unless its
        # client has asked for a cancel, of which nobody but the row knows any more.
        cancelled = status is not None or batch.cancel_requested_at is not None
        await self._restarts.start_again(batch.order, cancelled=cancelled)
        return "restarted to be cancelled" if cancelled else "restarted"

    async def _give_up(self, batch: Batch, *, now: datetime) -> None:
        occurrence = Occurrence(
            batch_id=batch.order.batch_id, type=EventType.FAILED, at=now, counts=batch.counts
        )
        # First, because a batch whose row says that it has ended is not looked at again.
        if self._events.sinks:
            await self._restarts.tell(Telling(occurrence=occurrence, sinks=self._events.sinks))
        change = _given_up(batch, now=now)
        if (await self._catalog.write(batch.order.batch_id, change)).ended:
            self._ends.count(change, created_at=batch.order.created_at)
        await self._events.log(occurrence)


def _given_up(batch: Batch, *, now: datetime) -> BatchChange:
    """Return what the workflow would have written last, had it been able to."""
    message = "The batch was given up, and could not say why; its workflow in Temporal shows more."
    return BatchChange(
        # Workflows take their revisions from the clock too, which may have gone back since.
        revision=max((now - _EPOCH) // timedelta(microseconds=1), batch.revision + 1),
        status=BatchStatus.FAILED,
        stamps=replace(batch.stamps, failed_at=now),
        counts=batch.counts,
        model=batch.model,
        errors=(BatchError(code="internal_error", message=message),),
        errors_total=1,
    )
