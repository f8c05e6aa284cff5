"""What a shard has left at its provider: found again by its tag, stopped, and deleted."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk
from activities.job_payloads import JobCall, JobOrder, Recalled, Remains
from activities.job_tries import tries_so_far, until_listed
from activities.missed import JOB_LOOKED_FOR, RESULTS_AWAITED, Missed, details_of, missed_again
from overnight.domain.errors import JobNotFound, ProviderUnavailable, UnknownDeployment
from overnight.domain.job import Job
from overnight.native_lane import leave_nothing

_log = structlog.stdlib.get_logger(__name__)


class Leavings:
    """Recalls jobs that nobody follows, and cleans up behind those that have ended."""

    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk

    async def recall(self, order: JobOrder) -> Recalled:
        """Find the jobs of a shard whose story can't say what it had submitted, and cancel those that run."""
        async with heartbeating(), self._desk.news.telling(order):
            try:
                provider, _ = self._desk.of(order)
            except UnknownDeployment:
                # Nobody has its key any more.
                return Recalled()
            # What was asked for a moment ago is to be in the listing.
            if not tries_so_far().idle:
                until_listed(provider.limits.list_lag)
            jobs = await provider.find(order.tag.of_shard, since=order.since)
            for job in jobs:
                if not job.status.ended:
                    # Whoever recalled it sees it to its end, and cancels it again.
                    with suppress(JobNotFound):
                        await provider.cancel(job.id)
        calls = (_call(order, job) for job in jobs)
        return Recalled(jobs=tuple(call for call in calls if call is not None))

    async def clean_up(self, remains: Remains) -> None:
        """Leave nothing of the shard at the provider: no job that runs, and no file of any.

        A job of ours that the provider does not know is looked for again for a while, last of all.
        """
        orders = (*remains.uploads, *(call.job for call in remains.jobs))
        if not orders:
            return
        missed = Missed.so_far()
        async with heartbeating(lambda: details_of(missed)), self._desk.news.telling(orders[0]):
            provider, _ = self._desk.of(orders[0])
            unknown = await leave_nothing(
                provider,
                tag=orders[0].tag,
                job_ids=[call.job_id for call in remains.jobs],
                since=min(order.since for order in orders),
            )
            if unknown:
                missed = missed_again(missed)
                await self._give_up(unknown, missed)
            if activity.info().attempt > 1:
                await self._desk.news.report(orders[0])

    async def _give_up(self, unknown: Sequence[str], missed: Missed) -> None:
        """Take jobs that nobody knows of to be gone. Raises ProviderUnavailable while it is too early to."""
        ended = [await self._desk.news.has_ended(job_id) for job_id in unknown]
        # A shard may wait for this that is to ask for another job, so what can't run is soon done with.
        patience = RESULTS_AWAITED if all(ended) else JOB_LOOKED_FOR
        if not missed.is_over(patience, at=datetime.now(UTC)):
            names = ", ".join(unknown)
            raise ProviderUnavailable(f"{self._desk.provider} neither lists nor knows {names} (any more)")
        _log.warning("jobs not cleaned up after, for nobody knows them", jobs=list(unknown))


def _call(order: JobOrder, job: Job) -> JobCall | None:
    number = order.tag.number_of(job.tag)
    return None if number is None else JobCall(job=replace(order, number=number), job_id=job.id)
