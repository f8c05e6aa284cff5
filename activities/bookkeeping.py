"""A batch's row: opened, written, read. All idempotent; a repeat changes nothing."""

import structlog
from temporalio import activity

from activities.payloads import ProgressReport, Record
from overnight.catalog import Catalog
from overnight.domain import ids, layout
from overnight.domain.batch import BatchError, BatchOrder
from overnight.domain.errors import BatchOver
from overnight.domain.file import BatchFileKind
from overnight.jsonl import read_problems
from overnight.storage.protocol import Storage

SHOWN_PROBLEMS = 1_000
"""How many of an input's problems a failed batch lists itself."""

_log = structlog.stdlib.get_logger(__name__)


class Bookkeeping:
    """Writes the picture of a batch that HTTP reads."""

    def __init__(self, *, catalog: Catalog, storage: Storage) -> None:
        self._catalog = catalog
        self._storage = storage

    @activity.defn(name="open_batch")
    async def open_batch(self, order: BatchOrder) -> None:
        """Make sure the row is there: the gateway may have died before it wrote it.

        Raises BatchOver when the batch was delivered: somebody has reset its workflow to the start, and no
        line is to be sent, or file to be written, a second time.
        """
        await self._catalog.add_batch(order)
        if (await self._catalog.batch(order.batch_id)).status.delivered:
            raise BatchOver(order.batch_id)
        _log.info("batch opened", request_id=order.request_id, endpoint=order.endpoint.value)

    @activity.defn(name="record")
    async def record(self, record: Record) -> int:
        """Write the batch's picture, with the problems of its input if it has any.

        Returns the revision of the row, which is above the picture's if a later one was there already.
        """
        change = record.change
        if record.problems:
            change = change.with_errors(await self._problems(record.batch_id))
        revision = await self._catalog.record(record.batch_id, change)
        counts = change.counts
        _log.info(
            "batch status",
            status=change.status.value,
            total=counts.total,
            completed=counts.completed,
            failed=counts.failed,
            model=change.model,
        )
        return revision

    @activity.defn(name="read_progress")
    async def read_progress(self, batch_id: str) -> ProgressReport:
        """Sum up what the batch's chunks have reported."""
        batch = await self._catalog.batch(batch_id)
        return ProgressReport(
            completed=batch.counts.completed,
            failed=batch.counts.failed,
            tokens=batch.tokens_so_far,
            waiting_on=batch.waiting_on,
        )

    async def _problems(self, batch_id: str) -> tuple[BatchError, ...]:
        stored = self._storage.get(layout.file_key(ids.output_file_id(batch_id, BatchFileKind.PROBLEMS)))
        return tuple(await read_problems(stored, limit=SHOWN_PROBLEMS))
