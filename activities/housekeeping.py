"""What keeps the house in order, on a schedule: batches without a workflow, files past their time."""

from datetime import UTC, datetime
from typing import Protocol

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.heartbeat import heartbeating
from overnight.catalog import Catalog
from overnight.domain.batch import BatchOrder
from overnight.storage.protocol import Storage

_log = structlog.stdlib.get_logger(__name__)


class Restarts(Protocol):
    """How a batch's story is started once more (`workflows.runs`)."""

    async def start_again(self, order: BatchOrder, *, cancelled: bool) -> None:
        """Start it, unless it runs."""
        ...


class Housekeeping:
    """Reconciles rows with workflows, and erases the bytes nobody can ask for any more."""

    def __init__(self, *, catalog: Catalog, storage: Storage, client: Client, restarts: Restarts) -> None:
        self._catalog = catalog
        self._storage = storage
        self._client = client
        self._restarts = restarts

    @activity.defn(name="reconcile")
    async def reconcile(self) -> int:
        """Settle every batch whose row says it runs and whose workflow does not; return how many."""
        settled = 0
        async with heartbeating():
            for order in await self._catalog.unfinished_batches():
                settled += await self._settle(order)
        return settled

    @activity.defn(name="erase_files")
    async def erase_files(self) -> int:
        """Erase the bytes of deleted and expired files; return of how many."""
        now = datetime.now(UTC)
        erased = 0
        async with heartbeating():
            for file in await self._catalog.erasable_files(now=now):
                await self._storage.delete(file.key)
                await self._catalog.mark_erased(file.id, now=now)
                erased += 1
        return erased

    async def _settle(self, order: BatchOrder) -> bool:
        status = await self._workflow_status(order.batch_id)
        if status is WorkflowExecutionStatus.RUNNING:
            return False
        # A workflow that somebody ended is a batch that somebody cancelled. One that Temporal has never
        # heard of was lost with Temporal's own database, and nobody wanted that: it goes on.
        cancelled = status is not None
        await self._restarts.start_again(order, cancelled=cancelled)
        _log.warning(
            "batch had no workflow",
            batch_id=order.batch_id,
            workflow_status="unknown" if status is None else status.name.lower(),
            restarted_as="cancelled" if cancelled else "running",
        )
        return True

    async def _workflow_status(self, batch_id: str) -> WorkflowExecutionStatus | None:
        try:
            description = await self._client.get_workflow_handle(batch_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return description.status
