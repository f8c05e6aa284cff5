"""How far a chunk is, on its way to the catalog and into the heartbeat."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import structlog

from overnight.catalog import Catalog
from overnight.domain.errors import OvernightError
from overnight.domain.usage import Counts
from overnight.line_lane import ChunkProgress, ChunkTask

_BILLIONTH = Decimal("1E-9")

_log = structlog.stdlib.get_logger(__name__)


class ProgressReports:
    """Takes a chunk's reports as they come and writes the latest one, so a slow catalog holds up no line.

    Where nobody knows what an answer costs, the chunk is said to have cost as much as its batch may, so that
    the other chunks stop as well. Without a `max_cost` nobody counts.
    """

    def __init__(self, catalog: Catalog, task: ChunkTask, *, max_cost: Decimal | None = None) -> None:
        self._catalog = catalog
        self._task = task
        # One billionth more, as what is below one is not kept.
        self._unknown_cost = max_cost + _BILLIONTH if max_cost else Decimal(0)
        self._fresh = asyncio.Event()
        self.latest = self._written = ChunkProgress(counts=Counts(task.chunk.lines))
        self._behind_since = time.monotonic()

    @property
    def behind(self) -> timedelta:
        """For how long there has been something that is not written; 0 if there is nothing."""
        if self._written == self.latest:
            return timedelta(0)
        return timedelta(seconds=time.monotonic() - self._behind_since)

    def take(self, progress: ChunkProgress) -> None:
        """Take in how far the chunk is; only what is new is written."""
        if progress != self.latest:
            if self._written == self.latest:
                self._behind_since = time.monotonic()
            self.latest = progress
            self._fresh.set()

    def summary(self) -> dict[str, object]:
        """Return what the heartbeat shows in Temporal's UI."""
        counts = self.latest.counts
        return {
            "done": counts.done,
            "of": counts.total,
            "failed": counts.failed,
            "waiting_on": self.latest.waiting_on,
        }

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write reports while the block runs, and the last one at its end."""
        task = asyncio.create_task(self._write_all())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            # Also what was just being written: that was cut off.
            if self._written != self.latest:
                await self._write()

    async def _write_all(self) -> None:
        while True:
            await self._fresh.wait()
            await self._write()

    async def _write(self) -> None:
        self._fresh.clear()
        latest = self.latest
        try:
            await self._catalog.report_progress(
                self._task.batch_id,
                shard=self._task.shard,
                chunk=self._task.number,
                attempt=self._task.attempt,
                counts=latest.counts,
                tokens=latest.tokens,
                waiting_on=latest.waiting_on,
                cost=self._unknown_cost if latest.cost is None else latest.cost,
            )
            self._written, self._behind_since = latest, time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next report is to be written
            # It is only the picture; the answers themselves are in the checkpoints.
            reason = error.message if isinstance(error, OvernightError) else type(error).__name__
            _log.warning("progress not written", batch_id=self._task.batch_id, reason=reason)
