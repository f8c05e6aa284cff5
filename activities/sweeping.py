"""Sweeping: what nobody will ask for again, left behind by batches that were given up and by kills."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus

from activities.executions import workflow_status
from activities.heartbeat import heartbeating
from overnight.catalog import Catalog
from overnight.domain import ids, layout
from overnight.storage.protocol import FoundObject, Storage

SAFE_AGE = timedelta(days=1)
"""Nobody who could still be writing takes so long, neither an upload nor a worker that was frozen; and for as
long somebody may want to look at a batch that failed, and reset its workflow."""

MAX_BATCHES = 50
MAX_OBJECTS = 1_000
"""How much one sweep removes at most; the next one goes on."""

_A_QUERY = 500

_log = structlog.stdlib.get_logger(__name__)


class Sweeping:
    """Removes what has been left behind. A sweep that is cut off, or repeated, does no harm."""

    def __init__(self, *, catalog: Catalog, storage: Storage, client: Client) -> None:
        self._catalog = catalog
        self._storage = storage
        self._client = client
        # Wherever it begins, so that workers which are often restarted get everywhere too.
        self._section = secrets.randbelow(len(ids.FILE_ID_SECTIONS))

    @activity.defn(name="sweep")
    async def sweep(self) -> int:
        """Remove leftovers that are older than SAFE_AGE; return of how many objects.

        Those of batches are found by their rows. Files without a row can only be found by looking at all
        of them, so each sweep looks at the next one of many sections.
        """
        before = datetime.now(UTC) - SAFE_AGE
        async with heartbeating():
            removed = await self._sweep_batches(before) + await self._sweep_files(before)
        if removed:
            _log.info("leftovers removed", objects=removed)
        return removed

    async def _sweep_batches(self, before: datetime) -> int:
        removed = 0
        for order in await self._catalog.unswept_batches(ended_by=before, limit=MAX_BATCHES):
            status = await workflow_status(self._client, order.batch_id)
            # Somebody may have reset one that had failed, and its row does not say so yet.
            if status is not WorkflowExecutionStatus.RUNNING:
                removed += await self._sweep_batch(order.batch_id, at_most=MAX_OBJECTS - removed)
            if removed >= MAX_OBJECTS:
                break
        return removed

    async def _sweep_batch(self, batch_id: str, *, at_most: int) -> int:
        removed = 0
        async for found in self._storage.list(layout.work_prefix(batch_id)):
            if removed == at_most:
                return removed
            await self._storage.delete(found.key)
            removed += 1
        await self._catalog.mark_swept(batch_id, now=datetime.now(UTC))
        return removed

    async def _sweep_files(self, before: datetime) -> int:
        removed = 0
        old: list[FoundObject] = []
        async for found in self._storage.list(layout.file_key(self._next_section())):
            if found.written_at <= before:
                old.append(found)
            if len(old) == _A_QUERY:
                removed += await self._remove_without_row(old)
                old.clear()
        return removed + await self._remove_without_row(old)

    async def _remove_without_row(self, files: Sequence[FoundObject]) -> int:
        strays = await self._catalog.without_row([layout.file_id_of(file.key) for file in files])
        for file_id in strays:
            await self._storage.delete(layout.file_key(file_id))
        return len(strays)

    def _next_section(self) -> str:
        self._section = (self._section + 1) % len(ids.FILE_ID_SECTIONS)
        return ids.FILE_ID_SECTIONS[self._section]
