"""Sweeping: what batches that were given up have left behind, and what kills have, of which no row knows."""

import secrets
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus

from activities.clock import Clock, utc_now
from activities.executions import workflow_status
from activities.heartbeat import heartbeating
from activities.ownership import Ownership
from activities.strays import Kind, kinds
from overnight.catalog import Catalog
from overnight.domain import ids, layout
from overnight.domain.errors import StorageError
from overnight.storage.abreast import abreast
from overnight.storage.protocol import FoundObject, Storage

SAFE_AGE = timedelta(days=1)
"""Nobody who could still be writing takes so long, neither an upload nor a worker that was frozen; and for as
long somebody may want to look at a batch that failed, and reset its workflow."""

ROW_DUE = timedelta(hours=1)
"""How old an object is that should have its row by now."""

GRACE = timedelta(days=1)
"""How long an object without a row stays once it was reported. A catalog that was restored from a backup
makes a stray of everything that is younger: somebody is to have the time to read the log."""

FORGOTTEN = timedelta(days=7)
"""After so long a stray that is still there is reported once more."""

MAX_REFUSALS = 3
"""So often may the store refuse in one sweep before the rest of it waits for the next one."""

MAX_BATCHES = 50
MAX_OBJECTS = 1_000
"""How much of what batches have left one sweep removes at most; the next one goes on."""

_A_QUERY = 500

_log = structlog.stdlib.get_logger(__name__)


class Sweeping:
    """Removes what has been left behind. A sweep that is cut off, or repeated, does no harm."""

    def __init__(self, *, catalog: Catalog, storage: Storage, client: Client, clock: Clock = utc_now) -> None:
        self._catalog = catalog
        self._storage = storage
        self._client = client
        self._clock = clock
        self._kinds = kinds(catalog)
        self._refusals = 0
        self._ownership = Ownership(catalog=catalog, storage=storage, kinds=self._kinds)
        # Wherever it begins, so that workers which are often restarted get everywhere too.
        self._section = secrets.randbelow(len(ids.ID_SECTIONS))

    @activity.defn(name="sweep")
    async def sweep(self) -> int:
        """Remove leftovers; return of how many objects.

        Those of batches are found by their rows. What has no row can only be found by looking at everything,
        so each sweep looks at the next one of many sections.
        """
        now, removed = self._clock(), 0
        self._refusals = 0
        async with heartbeating():
            try:
                removed += await self._sweep_batches(now)
                removed += await self._sweep_strays(now)
            except StorageError as error:
                # The rest of housekeeping can do without storage, and the next sweep goes on.
                _log.warning("sweep broken off", reason=error.message)
        if removed:
            _log.info("leftovers removed", objects=removed)
        return removed

    async def _sweep_batches(self, now: datetime) -> int:
        removed = 0
        for order in await self._catalog.unswept_batches(ended_by=now - SAFE_AGE, limit=MAX_BATCHES):
            status = await workflow_status(self._client, order.batch_id)
            # Somebody may have reset one that had failed, and its row does not say so yet.
            if status is not WorkflowExecutionStatus.RUNNING:
                try:
                    removed += await self._sweep_batch(order.batch_id, now, at_most=MAX_OBJECTS - removed)
                except StorageError as error:
                    # What is locked there must not hold up what others have left.
                    self._refused(error)
            if removed >= MAX_OBJECTS:
                break
        return removed

    async def _sweep_batch(self, batch_id: str, now: datetime, *, at_most: int) -> int:
        doomed: list[str] = []
        async for found in self._storage.list(layout.work_prefix(batch_id)):
            doomed.append(found.key)
            if len(doomed) > at_most:
                break
        await abreast(doomed[:at_most], self._storage.delete)
        if len(doomed) <= at_most:
            await self._catalog.mark_swept(batch_id, now=now)
        return min(len(doomed), at_most)

    async def _sweep_strays(self, now: datetime) -> int:
        section, removed = self._next_section(), 0
        ours = await self._ownership.is_ours()
        for kind in self._kinds:
            removed += await self._sweep_kind(kind, section, now, ours=ours)
        await self._catalog.forget_strays(noticed_by=now - FORGOTTEN)
        return removed

    async def _sweep_kind(self, kind: Kind, section: str, now: datetime, *, ours: bool) -> int:
        """Report what is noticed for the first time, remove what was so long enough ago."""
        reported = size = removed = 0
        async for strays in self._strays(kind, section, now):
            since = await self._catalog.notice_strays([stray.key for stray in strays], now=now)
            new = [stray.size for stray in strays if since[stray.key] == now]
            reported, size = reported + len(new), size + sum(new)
            if ours:
                removed += await self._remove(key for key, at in since.items() if at <= now - GRACE)
        if reported:
            due = (now + GRACE).isoformat(timespec="seconds") if ours else "never"
            what = {"kind": kind.name, "objects": reported, "bytes": size, "removed_after": due}
            _log.warning("objects that no row knows", **what)
        return removed

    async def _remove(self, keys: Iterable[str]) -> int:
        """Remove objects, and return how many are gone. Raises StorageError if the store is down."""
        gone: list[str] = []

        async def remove(key: str) -> None:
            try:
                await self._storage.delete(key)
            except StorageError as error:
                self._refused(error)
            else:
                gone.append(key)

        await abreast(keys, remove)
        return len(gone)

    def _refused(self, error: StorageError) -> None:
        """Go on after a refusal. Raises the error once there have been too many: then the store is down."""
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS:
            raise error
        _log.warning("leftover not removed", reason=error.message)

    async def _strays(self, kind: Kind, section: str, now: datetime) -> AsyncIterator[list[FoundObject]]:
        """Yield what no row knows and that should have one by now, some at a time."""
        old: list[FoundObject] = []
        async for found in self._storage.list(kind.prefix(section)):
            if found.written_at <= now - ROW_DUE:
                old.append(found)
            if len(old) == _A_QUERY:
                yield await kind.strays_among(old)
                old = []
        if old:
            yield await kind.strays_among(old)

    def _next_section(self) -> str:
        self._section = (self._section + 1) % len(ids.ID_SECTIONS)
        return ids.ID_SECTIONS[self._section]
