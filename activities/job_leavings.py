"""What a shard has left at its provider: found again by its tag, stopped, and deleted."""

from dataclasses import replace

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk
from activities.job_payloads import JobCall, JobOrder, Recalled, Remains
from activities.job_tries import tries_so_far, until_listed
from overnight.domain.errors import UnknownDeployment
from overnight.domain.job import Job
from overnight.native_lane import leave_nothing


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
                    await provider.cancel(job.id)
        calls = (_call(order, job) for job in jobs)
        return Recalled(jobs=tuple(call for call in calls if call is not None))

    async def clean_up(self, remains: Remains) -> None:
        """Leave nothing of the shard at the provider: no job that runs, and no file of any."""
        orders = (*remains.uploads, *(call.job for call in remains.jobs))
        if not orders:
            return
        async with heartbeating(), self._desk.news.telling(orders[0]):
            provider, _ = self._desk.of(orders[0])
            await leave_nothing(
                provider,
                tag=orders[0].tag,
                job_ids=[call.job_id for call in remains.jobs],
                since=min(order.since for order in orders),
            )
            if activity.info().attempt > 1:
                await self._desk.news.report(orders[0])


def _call(order: JobOrder, job: Job) -> JobCall | None:
    number = order.tag.number_of(job.tag)
    return None if number is None else JobCall(job=replace(order, number=number), job_id=job.id)
