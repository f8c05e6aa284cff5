"""Leaving nothing of a shard at a provider: no job that runs, and no file of any."""

from collections.abc import Iterable
from datetime import datetime

from overnight.domain.errors import JobNotFound, ProviderUnavailable
from overnight.domain.job import Job, Tag
from overnight.providers.protocol import Provider


async def leave_nothing(provider: Provider, *, tag: Tag, job_ids: Iterable[str], since: datetime) -> None:
    """Cancel every job of the tag's shard that runs, and delete the files of those that have ended.

    `job_ids` are jobs that a listing may not show. Raises ProviderUnavailable while a job is still ending,
    once everything else is gone.
    """
    jobs = await _ended_if_possible(provider, await _jobs(provider, tag=tag, job_ids=job_ids, since=since))
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


async def _jobs(provider: Provider, *, tag: Tag, job_ids: Iterable[str], since: datetime) -> list[Job]:
    jobs = {job.id: job for job in await provider.find(tag.of_shard, since=since)}
    for job_id in job_ids:
        if job_id not in jobs:
            try:
                jobs[job_id] = await provider.poll(job_id)
            except JobNotFound:
                continue
    return list(jobs.values())


async def _ended_if_possible(provider: Provider, jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs as they are once all that run were asked to stop; those that are gone are left out."""
    left = []
    for job in jobs:
        try:
            left.append(job if job.status.ended else await provider.cancel(job.id))
        except JobNotFound:
            continue
    return left


async def _delete_results(provider: Provider, job: Job) -> None:
    for file_id in (job.output_file_id, job.error_file_id):
        if file_id:
            await provider.delete_file(file_id)
