"""The native lane's steps: one verb of a provider each, on the queue of that provider.

A deployment that says no is a value, because there may be another; one that can't be reached is an error,
which Temporal retries for as long as the batch's window is open.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from temporalio import activity

from activities.attempt import attempt_name
from activities.heartbeat import heartbeating
from activities.job_news import JobNews
from activities.job_payloads import (
    Download,
    DownloadOrder,
    JobCall,
    JobOrder,
    JobReport,
    NoPlaceNow,
    Recalled,
    Refusal,
    Remains,
    Submission,
    SubmitOrder,
    Upload,
)
from activities.job_watch import details_of, not_yet, watch_so_far
from activities.plans import read_plan
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import layout
from overnight.domain.deployment import ANY_MODEL, Deployment
from overnight.domain.errors import (
    JobNotFound,
    NoPlace,
    NotReadyYet,
    ProviderRefused,
    ProviderUnavailable,
    UnknownDeployment,
)
from overnight.domain.job import TOKEN_LIMIT, Job
from overnight.domain.plan import ShardPlan
from overnight.domain.status import BatchStatus
from overnight.native_lane import (
    Gathered,
    GatherTask,
    JobInput,
    Translation,
    gather,
    gathered_before,
    in_our_numbers,
    leave_nothing,
    submit_when_ready,
)
from overnight.providers import Providers
from overnight.providers.openai import RESULTS_GONE
from overnight.providers.protocol import Provider
from overnight.storage.protocol import Storage

INCOMPLETE_UNTIL = 5
"""Up to this attempt a completed job's results are fetched again if some are not there: a provider may need
a moment to show them all. After that, they are lost."""

Order = TypeVar("Order")
Outcome = TypeVar("Outcome")
Step = Callable[[Order], Awaitable[Outcome]]


class ProviderJobs:
    """The life of jobs at one provider. Which deployment, and with what key, its own settings say."""

    def __init__(
        self, provider: str, *, settings: Settings, catalog: Catalog, storage: Storage, providers: Providers
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._catalog = catalog
        self._news = JobNews(provider, catalog)
        self._storage = storage
        self._providers = providers

    @property
    def activities(self) -> list[Callable[..., Any]]:
        """The steps, under the names that Temporal's UI shows: `openai.submit`, `azure.poll`."""
        steps = (self.upload, self.submit, self.poll, self.cancel, self.download, self.recall, self.clean_up)
        return [self._named(step) for step in steps]

    async def upload(self, order: JobOrder) -> Upload:
        """Send the shard's requests as a file; one that an earlier attempt left there is taken instead."""
        try:
            async with heartbeating(), self._telling_all(order, step="upload"):
                provider, deployment = self._of(order)
                content = await self._content(order, deployment)
                if activity.info().attempt > 1:
                    # Its answer may have been lost, or its worker.
                    left = await provider.find_uploads(order.tag, since=order.since)
                    if left:
                        return Upload(file_id=left[0])
                size = await content.size()
                return Upload(file_id=await provider.upload(content.content, size=size, tag=order.tag))
        except NoPlace as error:
            return Upload(no_place=NoPlaceNow.of(error))
        except ProviderRefused as error:
            return Upload(refusal=Refusal.of(error))
        except UnknownDeployment as error:
            return Upload(refusal=Refusal.of_unknown(error))

    async def submit(self, order: SubmitOrder) -> Submission:
        """Create the job, or find the one that an earlier attempt has created. Never two."""
        try:
            async with heartbeating(), self._news.telling(order.job):
                provider, _ = self._of(order.job)
                job = await submit_when_ready(
                    provider,
                    tag=order.job.tag,
                    file_id=order.file_id,
                    endpoint=order.job.endpoint,
                    since=order.job.since,
                    again=activity.info().attempt > 1,
                )
                await self._news.note(job, order.job)
                # What an earlier attempt was told by the provider is no longer why the shard waits.
                await self._news.report(order.job)
        except NoPlace as error:
            return Submission(no_place=NoPlaceNow.of(error))
        except NotReadyYet as error:
            return Submission(refusal=Refusal(code="input_file_not_ready", message=error.message))
        except ProviderRefused as error:
            return Submission(refusal=Refusal.of(error))
        except UnknownDeployment as error:
            if activity.info().attempt > 1:
                # An earlier attempt may have created a job, which nobody could cancel now.
                raise
            return Submission(refusal=Refusal.of_unknown(error))
        return Submission(job_id=job.id)

    async def poll(self, call: JobCall) -> JobReport:
        """Return how the job is doing once that is another status than the one already seen.

        "Not yet" is an error that says when to look again, so the waiting is the server's and costs nothing.
        """
        watch = watch_so_far()
        async with heartbeating(lambda: details_of(watch)), self._news.telling(call.job):
            provider, _ = self._of(call.job)
            job = await _polled(provider, call)
            now = datetime.now(UTC)
            watch = watch.look(job.counts, at=now)
            activity.heartbeat(details_of(watch))
            await self._news.report(call.job, job.counts, waiting_on=watch.stillness(job.counts, at=now))
            if job.status != call.seen:
                await self._news.note(job, call.job)
                return await self._report_of(job, call.job)
        raise not_yet(job, watch, self._settings)

    async def cancel(self, call: JobCall) -> JobReport:
        """Ask for the job to be cancelled; return what it is then."""
        async with heartbeating(), self._news.telling(call.job):
            provider, _ = self._of(call.job)
            try:
                job = await provider.cancel(call.job_id)
            except JobNotFound:
                # There is nothing left to wait for.
                return JobReport(status=BatchStatus.CANCELLED)
            await self._news.note(job, call.job)
            return await self._report_of(job, call.job)

    async def download(self, order: DownloadOrder) -> Download:
        """Keep the results of a job that has ended as the shard's checkpoints."""
        async with heartbeating(), self._telling_all(order.job, step="download"):
            provider, deployment = self._of(order.job)
            task = await self._gather_task(order, deployment)
            try:
                job = await provider.poll(order.job_id)
                found = await gather(self._storage, task=task, results=provider.results(job))
            except ProviderRefused as error:
                await self._news.report(order.job)
                return await self._without_results(task, error)
            _see_that_all_is_there(job, found)
            # Other shards may run on for long, and this one waits for nothing any more.
            await self._news.report(order.job, job.counts)
        return Download(lines=found.lines, answered=found.answered, warning=found.warning(job))

    async def recall(self, order: JobOrder) -> Recalled:
        """Find the jobs of a shard whose story can't say what it had submitted, and cancel those that run."""
        async with heartbeating(), self._news.telling(order):
            try:
                provider, _ = self._of(order)
            except UnknownDeployment:
                # Nobody has its key any more.
                return Recalled()
            # What was asked for a moment ago is to be in the listing.
            await asyncio.sleep(provider.limits.list_lag.total_seconds())
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
        async with heartbeating(), self._news.telling(orders[0]):
            provider = self._providers.of(self._settings.deployment(remains.deployment))
            await leave_nothing(
                provider,
                tag=orders[0].tag,
                job_ids=[call.job_id for call in remains.jobs],
                since=min(order.since for order in orders),
            )
            if activity.info().attempt > 1:
                await self._news.report(orders[0])

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
            storage=self._storage,
            input_key=layout.file_key(order.input_file_id),
            plan=await self._plan(order),
            shard=order.shard,
        )
        if not errors:
            unsaid = f"{self._provider} failed the job and does not say why."
            return Refusal(code="provider_failed", message=unsaid)
        return Refusal(code=errors[0].code, message=errors[0].message, errors=errors)

    # --- parts ---------------------------------------------------------------------------------

    async def _content(self, order: JobOrder, deployment: Deployment) -> JobInput:
        return JobInput(
            storage=self._storage,
            input_key=layout.file_key(order.input_file_id),
            plan=await self._plan(order),
            endpoint=order.endpoint,
            model=_provider_model(deployment),
        )

    async def _gather_task(self, order: DownloadOrder, deployment: Deployment) -> GatherTask:
        return GatherTask(
            batch_id=order.job.batch_id,
            shard=order.job.shard,
            input_key=layout.file_key(order.job.input_file_id),
            plan=await self._plan(order.job),
            attempt=attempt_name(),
            translation=Translation(
                batch_id=order.job.batch_id,
                client_model=_client_model(deployment),
                provider_model=_provider_model(deployment),
                stopped=order.stopped,
            ),
        )

    async def _without_results(self, task: GatherTask, error: ProviderRefused) -> Download:
        """Return what is held already, as when the story is told again after a Reset; or else the refusal."""
        held = await gathered_before(self._storage, task=task) if error.code == RESULTS_GONE else None
        if held is None:
            return Download(lines=task.plan.lines, refusal=Refusal.of(error))
        return Download(lines=held.lines, answered=held.answered)

    @asynccontextmanager
    async def _telling_all(self, order: JobOrder, *, step: str) -> AsyncIterator[None]:
        """Have GET say what a step waits for that moves bytes: the provider, or the store."""
        store = telling_why(self._catalog, order.batch_id, step=f"{step} shard {order.shard}")
        async with store, self._news.telling(order):
            yield

    def _of(self, order: JobOrder) -> tuple[Provider, Deployment]:
        deployment = self._settings.deployment(order.deployment).serving(order.default_model)
        return self._providers.of(deployment), deployment

    async def _plan(self, order: JobOrder) -> ShardPlan:
        return await read_plan(self._storage, self._catalog, batch_id=order.batch_id, shard=order.shard)

    def _named(self, step: Step[Order, Outcome]) -> Callable[..., Any]:
        @functools.wraps(step)
        async def run(order: Order) -> Outcome:
            return await step(order)

        return activity.defn(name=f"{self._provider}.{step.__name__}")(run)


def _provider_model(deployment: Deployment) -> str | None:
    return None if deployment.model == ANY_MODEL else deployment.model


def _client_model(deployment: Deployment) -> str | None:
    return None if deployment.model_name == ANY_MODEL else deployment.model_name


def _call(order: JobOrder, job: Job) -> JobCall | None:
    prefix = order.tag.of_shard
    number = (job.tag or "").removeprefix(prefix)
    if not number.isdecimal():
        return None
    return JobCall(job=replace(order, number=int(number)), job_id=job.id)


def _see_that_all_is_there(job: Job, found: Gathered) -> None:
    done = job.counts.done
    if job.status is not BatchStatus.COMPLETED or activity.info().attempt > INCOMPLETE_UNTIL:
        return
    if found.answered < done:
        raise ProviderUnavailable(f"results of {found.answered:,} of {done:,} lines so far")


async def _polled(provider: Provider, call: JobCall) -> Job:
    try:
        return await provider.poll(call.job_id)
    except JobNotFound as error:
        # A key of another project gives this too, while somebody sets it right.
        raise ProviderUnavailable(error.message) from error
