"""The rows of batches: a workflow alone changes a status, a gateway notes that a cancel is wanted."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from overnight.catalog import rows, spend_rows
from overnight.catalog.connections import Connections, Page, place_of
from overnight.catalog.rows import DELIVERED, ENDED, RUNNING
from overnight.catalog.tables import batches, progress, waits
from overnight.catalog.webhook_delivery_rows import plan_deliveries
from overnight.domain.batch import Batch, BatchChange, BatchOrder
from overnight.domain.errors import UnknownBatch
from overnight.domain.status import BatchStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a change: the revision that the row has now, and whether it has ended the batch.

    However often the same change is written, it ends the batch once. `created_at` is the batch's.
    """

    revision: int
    ended: bool = False
    created_at: datetime | None = None


class BatchRows(Connections):
    """Reads and writes the rows of batches."""

    async def add_batch(self, order: BatchOrder) -> None:
        """Add a batch's row, or do nothing if that id is there already."""
        row = self._insert(batches, rows.from_order(order))
        async with self._writing() as connection:
            await connection.execute(row.on_conflict_do_nothing())

    async def batch(self, batch_id: str, *, project: str | None = None) -> Batch:
        """Return a batch with its progress; `project` None means any. Raises UnknownBatch."""
        async with self._reading() as connection:
            return await batch_of(connection, batch_id, project=project)

    async def list_batches(self, *, project: str, after: str | None = None, limit: int = 20) -> Page[Batch]:
        """Return up to `limit` batches, newest first. Raises InvalidRequest for an unknown `after`."""
        query = select(batches).where(batches.c.project == project).limit(limit + 1)
        query = query.order_by(batches.c.created_at.desc(), batches.c.id.desc())
        async with self._reading() as connection:
            if after is not None:
                cursor = await place_of(connection, batches, after, project)
                query = query.where(tuple_(batches.c.created_at, batches.c.id) < cursor)
            found = (await connection.execute(rows.with_progress(query))).mappings().all()
        return Page([rows.to_batch(row) for row in found[:limit]], len(found) > limit)

    async def unfinished_batches(self) -> list[BatchOrder]:
        """Return the orders of all batches whose rows say that they have not ended."""
        query = select(batches).where(batches.c.status.in_(RUNNING)).order_by(batches.c.created_at)
        async with self._reading() as connection:
            return [rows.to_order(row) for row in (await connection.execute(query)).mappings()]

    async def record(self, batch_id: str, change: BatchChange) -> int:
        """Write what a batch's workflow says; return the revision that its row has then. See `write`."""
        return (await self.write(batch_id, change)).revision

    async def write(self, batch_id: str, change: BatchChange) -> Written:
        """Write what a batch's workflow says, unless something later, or a delivery, has been written.

        With how it has ended goes who is to hear of that. A revision above the change's says that it was not
        written.
        """
        this_batch = batches.c.id == batch_id
        newer = update(batches).where(this_batch, batches.c.revision < change.revision)
        if not change.status.delivered:
            # Somebody has reset a workflow that had ended. What its client was given stays given.
            newer = newer.where(batches.c.status.not_in(DELIVERED))
        known = (batches.c.status, batches.c.created_at, batches.c.project, batches.c.parameters_hash)
        before = select(*known).where(this_batch).with_for_update()
        async with self._writing() as connection:
            was = (await connection.execute(before)).first()
            written = (await connection.execute(newer.values(**rows.from_change(change)))).rowcount
            if was and written and change.status.ended:
                await spend_rows.write(connection, batch_id, change)
                await plan_deliveries(
                    connection, batch_id, change, project=was.project, parameters_hash=was.parameters_hash
                )
            if change.status.ended:
                for table in (progress, waits):
                    await connection.execute(delete(table).where(table.c.batch_id == batch_id))
            revision = await connection.scalar(select(batches.c.revision).where(this_batch))
        if was is None or revision is None:
            return Written(revision=change.revision)
        ended = bool(written) and _ends(was.status, change.status)
        return Written(revision=revision, ended=ended, created_at=was.created_at)

    async def request_cancel(self, batch_id: str, *, at: datetime) -> None:
        """Note that a client wants a batch cancelled that has not ended; the first request's time stays."""
        asked = update(batches).where(
            batches.c.id == batch_id,
            batches.c.cancel_requested_at.is_(None),
            batches.c.status.not_in(ENDED),
        )
        async with self._writing() as connection:
            await connection.execute(asked.values(cancel_requested_at=at))

    async def unswept_batches(self, *, ended_by: datetime, limit: int) -> list[BatchOrder]:
        """Return batches that had ended by then, and whose leftovers nobody has removed since."""
        ended_at = func.coalesce(*(batches.c[stamp] for stamp in rows.ENDS))
        query = select(batches).where(
            batches.c.swept_at.is_(None), batches.c.status.in_(ENDED), ended_at <= ended_by
        )
        async with self._reading() as connection:
            return [rows.to_order(row) for row in (await connection.execute(query.limit(limit))).mappings()]

    async def mark_swept(self, batch_id: str, *, now: datetime) -> None:
        """Note that nothing is left of a batch that has ended but its row and its files."""
        swept = update(batches).where(batches.c.id == batch_id, batches.c.status.in_(ENDED))
        async with self._writing() as connection:
            if (await connection.execute(swept.values(swept_at=now))).rowcount:
                for table in (progress, waits):
                    await connection.execute(delete(table).where(table.c.batch_id == batch_id))


async def batch_of(connection: AsyncConnection, batch_id: str, *, project: str | None) -> Batch:
    """Return what `BatchRows.batch` does, within a transaction. Raises UnknownBatch."""
    asked = {"one": batch_id} if project is None else {"one": batch_id, "its_project": project}
    row = (await connection.execute(_one_batch(of_project=project is not None), asked)).mappings().first()
    if row is None:
        raise UnknownBatch(batch_id)
    return rows.to_batch(row)


@cache
def _one_batch(*, of_project: bool) -> Select[Any]:
    # Made once: clients poll, and making this statement takes twice as long as executing it.
    query = select(batches).where(batches.c.id == bindparam("one"))
    if of_project:
        query = query.where(batches.c.project == bindparam("its_project"))
    return rows.with_progress(query)


def _ends(before: str, now: BatchStatus) -> bool:
    # A batch that failed may be told again and then be delivered, which is another end.
    return now.ended and before not in DELIVERED and before != now.value
