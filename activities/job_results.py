"""Once a job has ended: its results become the shard's checkpoints."""

from dataclasses import replace
from datetime import UTC, datetime

from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk
from activities.job_payloads import Download, DownloadOrder, Refusal
from activities.missed import RESULTS_AWAITED, Missed, details_of, missed_again
from overnight.domain.errors import JobNotFound, ProviderRefused, ProviderUnavailable
from overnight.domain.job import Job
from overnight.native_lane import Gathered, GatherTask, gather, gathered_before, no_results
from overnight.providers.protocol import Provider


class Results:
    """Downloads what a job has made."""

    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk

    async def download(self, order: DownloadOrder) -> Download:
        """Keep the results of a job that has ended as the shard's checkpoints.

        What they lack is looked for again for RESULTS_AWAITED, and is lost then.
        """
        missed = Missed.so_far()
        async with (
            heartbeating(lambda: details_of(missed)),
            self._desk.telling_all(order.job, step="download"),
        ):
            provider, _ = self._desk.of(order.job)
            task = await self._desk.gather_task(order.job, job_id=order.job_id, stopped=order.stopped)
            try:
                job, found = await self._look(provider, order, task, kept=missed.kept if missed else None)
            except ProviderRefused as error:
                await self._desk.news.report(order.job)
                return Download(lines=task.plan.lines, refusal=Refusal.of(error))
            held = await self._held(task, found)
            lacking = found.lacks(job)
            if lacking is not None and not _is_known(order, missed, found, held):
                missed = missed_again(missed, kept=found.answered)
                if not missed.is_over(RESULTS_AWAITED, at=datetime.now(UTC)):
                    raise ProviderUnavailable(lacking)
            # Other shards may run on for long, and this one waits for nothing any more.
            await self._desk.news.report(order.job, job.counts if job else None)
        if found.gone is not None:
            return held or _without_some(found, error=found.gone)
        return Download(
            lines=found.lines, answered=found.answered, warning=found.warning(job) if job else None
        )

    async def _look(
        self, provider: Provider, order: DownloadOrder, task: GatherTask, *, kept: int | None
    ) -> tuple[Job | None, Gathered]:
        """Return the job, None if nobody knows of it, and what was found of its results."""
        storage = self._desk.storage
        try:
            job = await provider.poll(order.job_id)
        except JobNotFound as error:
            found = await gather(storage, task=task, results=no_results(), kept=kept)
            return None, replace(found, gone=error)
        return job, await gather(storage, task=task, results=provider.results(job), kept=kept)

    async def _held(self, task: GatherTask, found: Gathered) -> Download | None:
        """Return what is held of results that are gone, as when the story is told again after a Reset."""
        if found.gone is None:
            return None
        held = await gathered_before(self._desk.storage, task=task)
        if held is None or held.answered <= found.answered + found.refused:
            return None
        return Download(lines=held.lines, answered=held.answered)


def _is_known(order: DownloadOrder, missed: Missed | None, found: Gathered, held: Download | None) -> bool:
    """Tell whether results that are gone need not be waited for.

    They were kept when the story was told before, and not by an attempt that has waited for the others. Or
    the shard is to stop, and recalls jobs whose files may have been deleted long ago.
    """
    if found.gone is None:
        return False
    return order.stopped is not None or (held is not None and missed is None)


def _without_some(found: Gathered, *, error: ProviderRefused) -> Download:
    """Return what there is all the same, or that there is nothing."""
    if found.answered:
        return Download(lines=found.lines, answered=found.answered, warning=error.message)
    return Download(lines=found.lines, refusal=Refusal.of(error))
