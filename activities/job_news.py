"""What the catalog is told of a job: how far it is, what its shard waits for, and whom to wake for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from temporalio import activity

from activities.job_payloads import JobOrder
from overnight.catalog import Catalog
from overnight.domain.errors import ProviderUnavailable, UnknownDeployment
from overnight.domain.job import BatchJob, Job
from overnight.domain.usage import Counts


class JobNews:
    """Writes what is new of the jobs at one provider."""

    def __init__(self, provider: str, catalog: Catalog) -> None:
        self._provider = provider
        self._catalog = catalog

    @asynccontextmanager
    async def telling(self, order: JobOrder) -> AsyncIterator[None]:
        """Have GET say what the shard waits for while its provider does not answer, or is configured away."""
        try:
            yield
        except (ProviderUnavailable, UnknownDeployment) as error:
            await self.report(order, waiting_on=error.message)
            raise

    async def report(
        self, order: JobOrder, counts: Counts | None = None, *, waiting_on: str | None = None
    ) -> None:
        """Have GET say how many lines are done, and what the shard waits for; None when for nothing."""
        await self._catalog.report_progress(
            order.batch_id,
            shard=order.shard,
            chunk=0,
            attempt=f"job-{order.number}",
            counts=counts or Counts(),
            waiting_on=waiting_on,
        )

    async def has_ended(self, job_id: str) -> bool:
        """Tell whether the job was seen to have ended when somebody last looked."""
        noted = await self._catalog.job(self._provider, job_id)
        return noted is not None and noted.status.ended

    async def note(self, job: Job, order: JobOrder) -> None:
        """Keep how the job is, and which workflow to wake when its provider has news of it."""
        noted = BatchJob(
            id=job.id,
            provider=self._provider,
            deployment=order.deployment,
            batch_id=order.batch_id,
            shard=order.shard,
            number=order.number,
            workflow_id=activity.info().workflow_id or "",
            status=job.status,
        )
        await self._catalog.note_job(noted, now=datetime.now(UTC))
