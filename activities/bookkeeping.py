"""A batch's row: opened, written, read. All idempotent; a repeat changes nothing."""

import structlog
from temporalio import activity

from activities.clock import utc_now
from activities.ending import EndMeter
from activities.event_payloads import Opened
from activities.events import EventBooks
from activities.payloads import ProgressReport, Record
from activities.recalling import Recalling
from overnight.catalog import Catalog
from overnight.domain import ids, layout
from overnight.domain.batch import Batch, BatchChange, BatchError, BatchOrder
from overnight.domain.errors import BatchOver, UnknownBatch
from overnight.domain.event import STEPS, EventType, Occurrence, event_on_entering, step_of
from overnight.domain.file import BatchFileKind
from overnight.domain.status import BatchStatus
from overnight.jsonl import read_problems
from overnight.storage.protocol import Storage

SHOWN_PROBLEMS = 1_000
"""How many of an input's problems a failed batch lists itself."""

_log = structlog.stdlib.get_logger(__name__)


class Bookkeeping:
    """Writes the picture of a batch that HTTP reads."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        storage: Storage,
        events: EventBooks,
        recalling: Recalling,
        ends: EndMeter | None = None,
    ) -> None:
        self._catalog = catalog
        self._recalling = recalling
        self._storage = storage
        self._events = events
        self._ends = ends or EndMeter()

    @activity.defn(name="open_batch")
    async def open_batch(self, order: BatchOrder) -> Opened:
        """Make sure the row is there: the gateway may have died before it wrote it.

        Returns who is to hear what becomes of it. Raises BatchOver when the batch was delivered: somebody has
        reset its workflow to the start, and no line is to be sent, or file to be written, a second time.
        """
        await self._catalog.add_batch(order)
        if (await self._catalog.batch(order.batch_id)).status.delivered:
            raise BatchOver(order.batch_id)
        _log.info("batch opened", request_id=order.request_id, endpoint=order.endpoint.value)
        await self._events.log(
            Occurrence(batch_id=order.batch_id, type=EventType.CREATED, at=order.created_at)
        )
        return Opened(sinks=self._events.sinks)

    @activity.defn(name="record")
    async def record(self, record: Record) -> int:
        """Write the batch's picture, with the problems of its input if it has any.

        Returns the revision of the row, which is above the picture's if a later one was there already. A row
        that a restored catalog does not have is put back first.
        """
        change = record.change
        if record.problems:
            change = change.with_errors(await self._problems(record.batch_id))
        written = await self._catalog.write(record.batch_id, change)
        if written.created_at is None and await self._recalling.put_back(record.batch_id):
            written = await self._catalog.write(record.batch_id, change)
        if written.ended and written.created_at:
            self._ends.count(change, created_at=written.created_at)
        counts = change.counts
        _log.info(
            "batch status",
            status=change.status.value,
            total=counts.total,
            completed=counts.completed,
            failed=counts.failed,
            model=change.model,
        )
        if written.revision == change.revision and written.created_at:
            await self._log_entering(record.batch_id, change)
        return written.revision

    async def recall(self, batch_id: str) -> BatchStatus | None:
        """Write what Temporal remembers of a batch, unless its row knows more; return its status then.

        None if Temporal knows nothing of it. Raises RPCError.
        """
        known = await self._recalling.put_back(batch_id)
        if known is None:
            return None
        batch = await self._catalog.batch(batch_id)
        if known.last is None or known.last.change.revision <= batch.revision:
            return batch.status
        await self.record(known.last)
        return (await self._catalog.batch(batch_id)).status

    @activity.defn(name="read_progress")
    async def read_progress(self, batch_id: str, told: int = STEPS) -> ProgressReport:
        """Sum up what the batch's chunks have reported; `told` is how many steps were told before."""
        batch = await self._known(batch_id)
        report = ProgressReport(
            completed=batch.counts.completed,
            failed=batch.counts.failed,
            tokens=batch.tokens_so_far,
            waiting_on=batch.waiting_on,
            step=min(step_of(batch.counts), STEPS - 1),
            at=utc_now(),
        )
        if report.step > told:
            await self._log_progress(batch, report)
        return report

    async def _known(self, batch_id: str) -> Batch:
        try:
            return await self._catalog.batch(batch_id)
        except UnknownBatch:
            await self._recalling.put_back(batch_id)
            return await self._catalog.batch(batch_id)

    async def _log_entering(self, batch_id: str, change: BatchChange) -> None:
        event, at = event_on_entering(change.status), change.stamps.of(change.status)
        if event and at:
            await self._events.log(Occurrence(batch_id=batch_id, type=event, at=at, counts=change.counts))

    async def _log_progress(self, batch: Batch, report: ProgressReport) -> None:
        occurrence = Occurrence(
            batch_id=batch.order.batch_id,
            type=EventType.PROGRESS,
            at=report.at or utc_now(),
            step=report.step,
            counts=batch.counts,
            tokens=report.tokens,
        )
        await self._events.log(occurrence)

    async def _problems(self, batch_id: str) -> tuple[BatchError, ...]:
        stored = self._storage.get(layout.file_key(ids.output_file_id(batch_id, BatchFileKind.PROBLEMS)))
        return tuple(await read_problems(stored, limit=SHOWN_PROBLEMS))
