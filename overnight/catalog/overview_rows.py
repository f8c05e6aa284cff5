"""All batches at a glance, from the indices and from the rows of those that run."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, union

from overnight.catalog.connections import Connections
from overnight.catalog.rows import RUNNING
from overnight.catalog.tables import batches, progress, waits
from overnight.domain.overview import Overview
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts


class OverviewRows(Connections):
    """Counts batches."""

    async def overview(self, *, now: datetime) -> Overview:
        """Return how many batches there are of each status, and how far those are that run."""
        # By status alone it is the index that is read; of all that have ended nothing else is.
        by_status = select(batches.c.status, func.count()).group_by(batches.c.status)
        running = batches.c.status.in_(RUNNING)
        asked = batches.c.cancel_requested_at.is_not(None)
        to_be_cancelled = select(batches.c.status, func.count()).where(running, asked)
        of_running = select(
            func.sum(batches.c.total),
            func.sum(batches.c.completed + batches.c.failed),
            func.min(batches.c.created_at),
        ).where(running)
        reported = select(func.sum(progress.c.completed), func.sum(progress.c.failed))
        waiting = union(
            select(progress.c.batch_id).where(progress.c.waiting_on.is_not(None)), select(waits.c.batch_id)
        )
        async with self._reading() as connection:
            found = {status: count for status, count in await connection.execute(by_status)}  # noqa: C416 - a Row is no tuple to mypy
            cancelling = (await connection.execute(to_be_cancelled.group_by(batches.c.status))).all()
            total, noted, oldest = (await connection.execute(of_running)).one()
            completed, failed = (await connection.execute(reported)).one()
            waits_for = await connection.scalar(select(func.count()).select_from(waiting.subquery()))
        for status, count in cancelling:
            found[status] -= count
            found[BatchStatus.CANCELLING] = found.get(BatchStatus.CANCELLING, 0) + count
        # A row is written when its status changes, and progress all the time.
        done = max((completed or 0) + (failed or 0), noted or 0)
        return Overview(
            batches={BatchStatus(status): count for status, count in found.items()},
            running=Counts(total or 0, min(done, total or 0)),
            waiting=waits_for or 0,
            oldest_age=max(now - oldest, timedelta(0)) if oldest else timedelta(0),
        )
