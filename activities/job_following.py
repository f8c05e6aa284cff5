"""While there is a job: how it is doing, until that changes, and having it stopped."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk, input_key
from activities.job_payloads import JobCall, JobOrder, JobReport, NoPlaceNow, Refusal
from activities.job_watch import details_of, not_yet, watch_so_far
from overnight.domain.errors import JobNotFound, ProviderError, ProviderUnavailable
from overnight.domain.job import TOKEN_LIMIT, Job
from overnight.domain.status import BatchStatus
from overnight.native_lane import cancel_twins, in_our_numbers
from overnight.providers.protocol import Provider

_log = structlog.stdlib.get_logger(__name__)


class Following:
    """Polls and cancels. A provider that can't be reached is an error, which Temporal retries."""

    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk

    async def poll(self, call: JobCall) -> JobReport:
        """Return how the job is doing once that is another status than the one already seen.

        "Not yet" is an error that says when to look again, so the waiting is the server's and costs nothing.
        """
        watch = watch_so_far()
        async with heartbeating(lambda: details_of(watch)), self._desk.news.telling(call.job):
            provider, _ = self._desk.of(call.job)
            job = await _polled(provider, call)
            now = datetime.now(UTC)
            watch = watch.look(job.counts, at=now)
            activity.heartbeat(details_of(watch))
            await self._desk.news.report(call.job, job.counts, waiting_on=watch.stillness(job.counts, at=now))
            if call.twins_until is not None and now < call.twins_until:
                await _without_twins(provider, call)
            if job.status != call.seen:
                await self._desk.news.note(job, call.job)
                return await self._report_of(job, call.job)
        raise not_yet(job, watch, self._desk.settings)

    async def cancel(self, call: JobCall) -> JobReport:
        """Ask for the job to be cancelled; return what it is then."""
        async with heartbeating(), self._desk.news.telling(call.job):
            provider, _ = self._desk.of(call.job)
            job = await _cancelled(provider, call)
            await self._desk.news.note(job, call.job)
            return await self._report_of(job, call.job)

    async def _report_of(self, job: Job, order: JobOrder) -> JobReport:
        report = JobReport(status=job.status, counts=job.counts)
        if job.status is not BatchStatus.FAILED:
            return report
        if job.met_token_limit:
            reason = next(error.message for error in job.errors if error.code == TOKEN_LIMIT)
            return replace(report, no_place=NoPlaceNow(reason=reason))
        return replace(report, refusal=await self._failure(job, order))

    async def _failure(self, job: Job, order: JobOrder) -> Refusal:
        errors = await in_our_numbers(
            job.errors,
            storage=self._desk.storage,
            input_key=input_key(order),
            plan=await self._desk.plan(order),
            shard=order.shard,
        )
        if not errors:
            unsaid = f"{self._desk.provider} failed the job and does not say why."
            return Refusal(code="provider_failed", message=unsaid)
        return Refusal(code=errors[0].code, message=errors[0].message, errors=errors)


async def _polled(provider: Provider, call: JobCall) -> Job:
    try:
        return await provider.poll(call.job_id)
    except JobNotFound as error:
        # A key of another project gives this too, while somebody sets it right.
        raise ProviderUnavailable(error.message) from error


async def _cancelled(provider: Provider, call: JobCall) -> Job:
    try:
        return await provider.cancel(call.job_id)
    except JobNotFound as error:
        # Taken at its word, a job would be left to run, and to cost, over a single wrong answer.
        job = await _polled(provider, call)
        if job.status.ended:
            return job
        raise ProviderUnavailable(error.message) from error


async def _without_twins(provider: Provider, call: JobCall) -> None:
    try:
        await cancel_twins(provider, job_id=call.job_id, tag=call.job.tag, since=call.job.since)
    except ProviderError as error:
        # The job that is followed is well. The next look tries again, and so does the clean-up.
        _log.warning("twins not looked for", job=call.job_id, reason=error.message)
