"""Once a job has ended: its results become the shard's checkpoints."""

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk
from activities.job_payloads import Download, DownloadOrder, Refusal
from overnight.domain.errors import ProviderRefused, ProviderUnavailable
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.native_lane import Gathered, GatherTask, gather, gathered_before

INCOMPLETE_UNTIL = 5
"""Up to this attempt a completed job's results are fetched again if some are not there: a provider may need
a moment to show them all. After that, they are lost."""


class Results:
    """Downloads what a job has made."""

    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk

    async def download(self, order: DownloadOrder) -> Download:
        """Keep the results of a job that has ended as the shard's checkpoints."""
        async with heartbeating(), self._desk.telling_all(order.job, step="download"):
            provider, _ = self._desk.of(order.job)
            task = await self._desk.gather_task(order.job, job_id=order.job_id, stopped=order.stopped)
            try:
                job = await provider.poll(order.job_id)
                found = await gather(self._desk.storage, task=task, results=provider.results(job))
            except ProviderRefused as error:
                await self._desk.news.report(order.job)
                return Download(lines=task.plan.lines, refusal=Refusal.of(error))
            if found.gone is not None:
                return await self._without_some(order, task, found, error=found.gone)
            _see_that_all_is_there(job, found)
            # Other shards may run on for long, and this one waits for nothing any more.
            await self._desk.news.report(order.job, job.counts)
        return Download(lines=found.lines, answered=found.answered, warning=found.warning(job))

    async def _without_some(
        self, order: DownloadOrder, task: GatherTask, found: Gathered, *, error: ProviderRefused
    ) -> Download:
        """Return what is held all the same, as when the story is told again after a Reset; or the refusal."""
        await self._desk.news.report(order.job)
        held = await gathered_before(self._desk.storage, task=task)
        if held is not None and held.answered > found.answered:
            return Download(lines=held.lines, answered=held.answered)
        if found.answered:
            return Download(lines=found.lines, answered=found.answered, warning=error.message)
        return Download(lines=task.plan.lines, refusal=Refusal.of(error))


def _see_that_all_is_there(job: Job, found: Gathered) -> None:
    done = job.counts.done
    if job.status is not BatchStatus.COMPLETED or activity.info().attempt > INCOMPLETE_UNTIL:
        return
    if found.answered < done:
        raise ProviderUnavailable(f"results of {found.answered:,} of {done:,} lines so far")
