"""Creating a job at a provider where a create can't be repeated: exactly one is left, whatever is killed."""

from collections.abc import Awaitable, Iterable
from datetime import datetime

import structlog

from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderRefused, SubmissionUnclear
from overnight.domain.job import Job, Tag
from overnight.providers.protocol import Provider

_log = structlog.stdlib.get_logger(__name__)


async def submit_once(
    provider: Provider, *, tag: Tag, file_id: str, endpoint: Endpoint, since: datetime, again: bool
) -> Job:
    """Create the job that bears `tag`, or return the one there is (`only_job`).

    `again` says that it may have been tried before, at least the provider's `list_lag` ago: until then nobody
    knows whether that request arrived. Raises what `Provider.submit` and `Provider.find` raise; after a
    NotReadyYet nothing was created, neither now nor by anyone before whom a listing would show.
    """
    if again and not provider.limits.idempotent_create:
        found = await job_from_before(provider, tag=tag, since=since)
    else:
        found = await only_job(provider, tag=tag, since=since)
    if found is not None:
        return found
    created = await provider.submit(tag=tag, file_id=file_id, endpoint=endpoint)
    # A worker that was frozen for a while may have woken up to a twin.
    return await _surely(only_job(provider, tag=tag, since=since)) or created


async def job_from_before(provider: Provider, *, tag: Tag, since: datetime) -> Job | None:
    """Return the job that an earlier try has created, if a listing shows it by now; None if there is none.

    Raises SubmissionUnclear while the provider refuses to say, and what `Provider.find` raises.
    """
    return await _surely(only_job(provider, tag=tag, since=since))


async def _surely(looking: Awaitable[Job | None]) -> Job | None:
    """A provider that won't list its jobs says nothing of one that may be there."""
    try:
        return await looking
    except ProviderRefused as error:
        raise SubmissionUnclear(error.message) from error


async def only_job(provider: Provider, *, tag: Tag, since: datetime) -> Job | None:
    """Return the job that bears `tag`. If there are several, the oldest stays, the others are cancelled.

    A shard that has jobs of higher numbers has asked for them already, and its story is told again, as after
    a Reset. Then the last of them is the one: those before it found no room, or were refused.
    """
    jobs = _last(tag, await provider.find(tag.of_shard, since=since))
    if not jobs:
        return None
    await _cancel(provider, jobs[1:], kept=jobs[0].id)
    return jobs[0]


async def cancel_twins(provider: Provider, *, job_id: str, tag: Tag, since: datetime) -> None:
    """Cancel every job that bears `tag` but the one that is followed.

    A create whose answer was lost may be finished after a listing would have shown it, when another has
    been made already. Raises what `Provider.find` and `Provider.cancel` raise.
    """
    jobs = await _bearing(tag, provider, since=since)
    await _cancel(provider, (job for job in jobs if job.id != job_id), kept=job_id)


def _last(tag: Tag, jobs: list[Job]) -> list[Job]:
    numbers = [number for job in jobs if (number := tag.number_of(job.tag)) is not None]
    last = max((number for number in numbers if number >= tag.number), default=None)
    return [job for job in jobs if last is not None and tag.number_of(job.tag) == last]


async def _bearing(tag: Tag, provider: Provider, *, since: datetime) -> list[Job]:
    return [job for job in await provider.find(str(tag), since=since) if job.tag == str(tag)]


async def _cancel(provider: Provider, twins: Iterable[Job], *, kept: str) -> None:
    for twin in twins:
        if not twin.status.ended:
            _log.warning("job submitted twice", kept=kept, cancelled=twin.id)
            await provider.cancel(twin.id)
