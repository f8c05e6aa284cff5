"""The rows of jobs: what providers run for which batch, and whom to wake when one says that it is done."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Select, Update, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from overnight.catalog import rows
from overnight.catalog.connections import Connections
from overnight.catalog.rows import ENDED
from overnight.catalog.tables import begun_jobs, jobs
from overnight.domain.job import BatchJob, BegunJob

_JOBS = (
    select(jobs)
    .where(jobs.c.batch_id == bindparam("its_batch"))
    .order_by(jobs.c.shard, jobs.c.number)
    .limit(bindparam("most"))
)


class JobRows(Connections):
    """Writes down jobs before they are submitted, and as they are looked at. They stay with their batch."""

    async def begin_job(self, job: BegunJob, *, known: BegunJob | None = None) -> BegunJob | None:
        """Write down which job a shard is about to ask for; return what stood there.

        It stands there still if the job may not follow it (`BegunJob.may_follow`).
        """
        first = self._insert(begun_jobs, asdict(job)).on_conflict_do_nothing()
        async with self._writing() as connection:
            if (await connection.execute(first)).rowcount:
                return None
            found = await connection.execute(_begun(job.batch_id, job.shard).with_for_update())
            last = rows.to_begun_job(found.mappings().one())
            if job.may_follow(last, known=known):
                await connection.execute(_set(job))
        return last

    async def begun_job(self, batch_id: str, shard: int) -> BegunJob | None:
        """Return the last job that a shard has asked for, or is about to; None if it has not come so far."""
        async with self._reading() as connection:
            row = (await connection.execute(_begun(batch_id, shard))).mappings().first()
        return None if row is None else rows.to_begun_job(row)

    async def note_job(self, job: BatchJob, *, now: datetime) -> None:
        """Upsert how a job is. One that has ended stays as it is, however late an older look is written."""
        row = self._insert(jobs, {**rows.from_job(job), "created_at": now, "updated_at": now})
        newer = row.on_conflict_do_update(
            index_elements=[jobs.c.provider, jobs.c.id],
            set_={"status": job.status.value, "updated_at": now},
            where=jobs.c.status.not_in(ENDED),
        )
        async with self._writing() as connection:
            await connection.execute(newer)

    async def jobs(self, batch_id: str, *, limit: int) -> list[BatchJob]:
        """Return up to `limit` jobs of a batch: shard by shard, and those of a shard by their numbers."""
        async with self._reading() as connection:
            return await jobs_of(connection, batch_id, limit=limit)

    async def job(self, provider: str, job_id: str) -> BatchJob | None:
        """Return a job by its provider's own id, or None for one that is not ours."""
        query = select(jobs).where(jobs.c.provider == provider, jobs.c.id == job_id)
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else rows.to_job(row)


async def jobs_of(connection: AsyncConnection, batch_id: str, *, limit: int) -> list[BatchJob]:
    """Return what `JobRows.jobs` does, within a transaction."""
    found = await connection.execute(_JOBS, {"its_batch": batch_id, "most": limit})
    return [rows.to_job(row) for row in found.mappings()]


def _begun(batch_id: str, shard: int) -> Select[tuple[object, ...]]:
    return select(begun_jobs).where(begun_jobs.c.batch_id == batch_id, begun_jobs.c.shard == shard)


def _set(job: BegunJob) -> Update:
    row = (begun_jobs.c.batch_id == job.batch_id, begun_jobs.c.shard == job.shard)
    return update(begun_jobs).where(*row).values(asdict(job))
