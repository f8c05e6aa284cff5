"""Leaving nothing of a shard at a provider: no job that runs, and no file of any."""

from collections.abc import Iterable
from datetime import datetime

from overnight.domain.errors import JobNotFound, ProviderUnavailable
from overnight.domain.job import Job, Tag
from overnight.providers.protocol import Provider


async def leave_nothing(
    provider: Provider, *, tag: Tag, job_ids: Iterable[str], since: datetime
) -> tuple[str, ...]:
    """Cancel every job of the tag's shard that runs, and delete the files of those that have ended.

    `job_ids` are jobs that a listing may not show. Those that the provider neither lists nor knows are
    returned, once everything else is gone: it may have forgotten them, or be asked with another project's
    key. Raises ProviderUnavailable, then too, while a job is still ending.
    """
    jobs, unknown = await _jobs(provider, tag=tag, job_ids=job_ids, since=since)
    jobs = [await _ended_if_possible(provider, job) for job in jobs]
    ending = [job for job in jobs if not job.status.ended]
    for job in jobs:
        if job.status.ended:
            await _delete_results(provider, job)
    # Where jobs have no metadata, one that is still ending is found again by the name of its input only.
    in_use = {job.input_file_id for job in ending}
    for file_id in await provider.find_remains(tag, since=since):
        if file_id not in in_use:
            await provider.delete_file(file_id)
    if ending:
        raise ProviderUnavailable("a job is still ending")
    return unknown


async def _jobs(
    provider: Provider, *, tag: Tag, job_ids: Iterable[str], since: datetime
) -> tuple[list[Job], tuple[str, ...]]:
    """Return the jobs that there are, and the ids of those that nobody knows of."""
    unknown: list[str] = []
    jobs = {job.id: job for job in await provider.find(tag.of_shard, since=since)}
    for job_id in job_ids:
        if job_id not in jobs:
            try:
                jobs[job_id] = await provider.poll(job_id)
            except JobNotFound:
                unknown.append(job_id)
    return list(jobs.values()), tuple(unknown)


async def _ended_if_possible(provider: Provider, job: Job) -> Job:
    """Return a job as it is once it was asked to stop, if it runs."""
    try:
        return job if job.status.ended else await provider.cancel(job.id)
    except JobNotFound:
        # It was there a moment ago, so one of the two answers is wrong, and it may go on.
        return job


async def _delete_results(provider: Provider, job: Job) -> None:
    for file_id in (job.output_file_id, job.error_file_id):
        if file_id:
            await provider.delete_file(file_id)
