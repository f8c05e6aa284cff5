"""The rows of jobs: what providers run for which batch, and whom to wake when one says that it is done."""

from datetime import datetime

from sqlalchemy import select

from overnight.catalog import rows
from overnight.catalog.connections import Connections
from overnight.catalog.rows import ENDED
from overnight.catalog.tables import jobs
from overnight.domain.job import BatchJob


class JobRows(Connections):
    """Writes down jobs as they are submitted and looked at. They stay with their batch."""

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
        query = select(jobs).where(jobs.c.batch_id == batch_id).order_by(jobs.c.shard, jobs.c.number)
        async with self._reading() as connection:
            found = (await connection.execute(query.limit(limit))).mappings()
            return [rows.to_job(row) for row in found]

    async def job(self, provider: str, job_id: str) -> BatchJob | None:
        """Return a job by its provider's own id, or None for one that is not ours."""
        query = select(jobs).where(jobs.c.provider == provider, jobs.c.id == job_id)
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else rows.to_job(row)
