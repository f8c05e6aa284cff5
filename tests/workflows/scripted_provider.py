"""A provider that follows a script, behind the real workflows: its jobs live by the server's clock."""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import WorkflowEnvironment

from activities.heartbeat import heartbeating
from activities.job_payloads import (
    NOT_READY,
    Begun,
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
from overnight.domain.job import BegunJob
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts

FULL = NoPlaceNow(reason="Enqueued token limit reached for m.")
LOOK = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What becomes of a job: after `validating` it runs, after `runs` it is `end`."""

    validating: timedelta = timedelta(minutes=1)
    runs: timedelta = timedelta(hours=1)
    end: BatchStatus = BatchStatus.COMPLETED
    refusal: Refusal | None = None
    no_place: NoPlaceNow | None = None
    cancelling: timedelta = timedelta(minutes=10)


@dataclass
class RunningJob:
    """A job that was made, and when."""

    call: JobCall
    fate: Fate
    created_at: datetime
    cancelled_at: datetime | None = None

    def status(self, now: datetime) -> BatchStatus:
        if self.cancelled_at is not None:
            gone = now - self.cancelled_at >= self.fate.cancelling
            return BatchStatus.CANCELLED if gone else BatchStatus.CANCELLING
        age = now - self.created_at
        if age < self.fate.validating:
            return BatchStatus.VALIDATING
        if age < self.fate.validating + self.fate.runs and self.fate.end is not BatchStatus.FAILED:
            return BatchStatus.IN_PROGRESS
        return self.fate.end


@dataclass
class ScriptedProvider:
    """The fates of its jobs, in the order they are made; the last one is that of all others.

    `begun` is what another telling of the shard's story has begun, `begun_at_submit` what one that is still
    under way begins just then; `refusals` is by deployment; those that are `slow` take no file in while
    there are others; `down_until` is when it answers again. A submit waits for `submit_gate`. Where it
    `keeps` all, nothing can be deleted. The next step of the name `deaf` hears of no cancel: it hangs
    (`hanging`) until `lost`, and has failed then.
    """

    name: str = "openai"
    fates: list[Fate] = field(default_factory=lambda: [Fate()])
    refusals: dict[str, Refusal] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    down_until: datetime | None = None
    keeps: bool = False
    submit_gate: asyncio.Event | None = None
    submitting: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    deaf: str | None = None
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    jobs: dict[str, RunningJob] = field(default_factory=dict)
    begun: BegunJob | None = None
    begun_at_submit: BegunJob | None = None
    submits: list[SubmitOrder] = field(default_factory=list)
    downloads: list[DownloadOrder] = field(default_factory=list)
    cleaned: list[Remains] = field(default_factory=list)
    environment: WorkflowEnvironment | None = None

    async def upload(self, order: JobOrder) -> Upload:
        await self._answer("upload")
        there = self._job_of(order)
        if there and self.begun and self.begun.is_job(_as_begun(order)):
            self.begun = None
            return Upload(job_id=there)
        refusal = self.refusals.get(order.deployment)
        return Upload(refusal=refusal) if refusal else Upload(file_id=f"file-{order.tag.filename}")

    async def submit(self, order: SubmitOrder) -> Submission:
        self.submitting.set()
        if self.submit_gate is not None:
            async with heartbeating():
                await self.submit_gate.wait()
        await self._answer()
        self.submits.append(order)
        if order.others and order.job.deployment in self.slow:
            return Submission(refusal=Refusal(code=NOT_READY, message="the file is still pending"))
        begun = self.begun_at_submit or self.begun
        if begun and order.begun is None and not begun.is_job(_as_begun(order.job)):
            self.begun, self.begun_at_submit = begun, None
            return Submission(begun=Begun(deployment=begun.deployment, number=begun.number))
        self.begun = None
        now = await self._now()
        # From here on in one go: an attempt that was given up may still be under way.
        if (there := self._job_of(order.job)) is not None:
            return Submission(job_id=there, repeated=True)
        fate = self.fates.pop(0) if len(self.fates) > 1 else self.fates[0]
        call = JobCall(job=order.job, job_id=f"batch_{len(self.jobs)}")
        self.jobs[call.job_id] = RunningJob(call, fate, now)
        return Submission(job_id=call.job_id)

    async def poll(self, call: JobCall) -> JobReport:
        await self._answer("poll")
        job = self.jobs[call.job_id]
        status = job.status(await self._now())
        if status is BatchStatus.IN_PROGRESS:
            self.running.set()
        if status is call.seen:
            raise ApplicationError(
                "not yet", type="NotYet", category=ApplicationErrorCategory.BENIGN, next_retry_delay=LOOK
            )
        return self._report(job, status)

    async def cancel(self, call: JobCall) -> JobReport:
        await self._answer()
        job, now = self.jobs[call.job_id], await self._now()
        if not job.status(now).ended:
            job.cancelled_at = job.cancelled_at or now
        return self._report(job, job.status(now))

    async def download(self, order: DownloadOrder) -> Download:
        await self._answer()
        self.downloads.append(order)
        return Download(lines=20, answered=20)

    async def recall(self, order: JobOrder) -> Recalled:
        await self._answer()
        found = [job for job in self.jobs.values() if job.call.job.tag.of_shard == order.tag.of_shard]
        for job in found:
            await self.cancel(job.call)
        return Recalled(jobs=tuple(job.call for job in found))

    async def clean_up(self, remains: Remains) -> None:
        self.cleaned.append(remains)
        if self.keeps:
            raise ApplicationError("403: nothing may be deleted", type="ProviderRefused")

    def activities(self, environment: WorkflowEnvironment) -> list[Callable[..., Any]]:
        """What runs on the provider's queue, by the clock of `environment`."""
        self.environment = environment
        steps = (self.upload, self.submit, self.poll, self.cancel, self.download, self.recall, self.clean_up)
        return [_named(f"{self.name}.{step.__name__}", step) for step in steps]

    def _job_of(self, order: JobOrder) -> str | None:
        same = (job_id for job_id, job in self.jobs.items() if job.call.job.tag == order.tag)
        return next(same, None)

    def _report(self, job: RunningJob, status: BatchStatus) -> JobReport:
        report = JobReport(status=status, counts=Counts(20, 20 if status.ended else 0))
        if status is BatchStatus.FAILED:
            return replace(report, refusal=job.fate.refusal, no_place=job.fate.no_place)
        return report

    async def _answer(self, step: str = "") -> None:
        if step == self.deaf:
            self.deaf = None
            self.hanging.set()
            await self.lost.wait()
            raise ApplicationError("the connection was lost", type="ProviderUnavailable")
        if self.down_until is not None and await self._now() < self.down_until:
            raise ApplicationError("can't be reached", type="ProviderUnavailable")

    async def _now(self) -> datetime:
        assert self.environment is not None
        return await self.environment.get_current_time()


def _named(name: str, step: Callable[[Any], Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    async def run(order: Any) -> Any:
        return await step(order)

    return activity.defn(name=name)(run)


def _as_begun(order: JobOrder) -> BegunJob:
    return BegunJob(
        batch_id=order.batch_id,
        shard=order.shard,
        number=order.number,
        deployment=order.deployment,
        story="this",
    )
