"""The steps of a shard's jobs at its providers, and what they have made there so far.

A step waits for its provider; once the shard is to stop it waits no longer and raises Stopped, unless it
goes to the end: what was submitted is paid for, and what it has made is still owed.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.workflow import ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.begun import BegunJobs
    from activities.job_payloads import (
        Begun,
        Download,
        DownloadOrder,
        JobCall,
        JobOrder,
        JobReport,
        NoPlaceNow,
        Refusal,
        Remains,
        SubmitOrder,
    )
    from activities.payloads import Route, ShardOrder
    from activities.place_payloads import ShardRef
    from overnight.domain.status import BatchStatus, StopReason
    from workflows import options, verbs
    from workflows.stopping import done_or, outcome_of

Outcome = TypeVar("Outcome")


class Stopped(Exception):
    """The shard is to go no further; what it has is still owed."""


class JobSteps:
    """One step each. `on_running` is called whenever a job is seen that its provider has taken."""

    def __init__(
        self, order: ShardOrder, routes: Iterable[Route], *, on_running: Callable[[], Awaitable[None]]
    ) -> None:
        self._order = order
        self._providers = {route.deployment: route.provider for route in routes}
        self._on_running = on_running
        self._woken = False
        self._uploads: list[JobOrder] = []
        self._jobs: list[JobCall] = []
        self.stopped = order.stop
        self.unclear: JobOrder | None = None

    def stop(self, reason: StopReason) -> None:
        """Go no further. The first reason stays."""
        self.stopped = self.stopped or reason

    def wake(self) -> None:
        """The provider has news of a job."""
        self._woken = True

    def go_on(self, *, to_the_end: bool = False) -> None:
        """Raise Stopped if the shard is to stop, unless this goes `to_the_end`."""
        if self.to_stop(to_the_end=to_the_end):
            raise Stopped

    def to_stop(self, *, to_the_end: bool = False) -> bool:
        """Tell whether the shard is to stop."""
        return self.stopped is not None and not to_the_end

    # --- a job's life --------------------------------------------------------------------------

    def order(self, deployment: str, number: int) -> JobOrder:
        """Return the order for the shard's `number`-th job."""
        order = self._order
        return JobOrder(
            batch_id=order.batch_id,
            input_file_id=order.input_file_id,
            shard=order.shard,
            number=number,
            deployment=deployment,
            endpoint=order.endpoint,
            since=order.created_at,
            default_model=order.default_model,
            model=order.model,
        )

    async def upload(self, order: JobOrder) -> str | JobCall | NoPlaceNow | Refusal | None:
        """Send a job's input; return the file's id, or None if there is nothing to make a job of.

        If the job is there already, from when the story was told before, it is returned instead.
        """
        # Also one that fails, or is stopped, may leave a file behind.
        self._uploads.append(order)
        upload = await self._run(verbs.UPLOAD.start(self._provider(order), order))
        if upload.job_id is not None:
            return self._call(order, upload.job_id, may_have_a_twin=True)
        if upload.file_id is None and not upload.over:
            return upload.no_place or _refused(upload.refusal)
        return upload.file_id

    async def submit(self, order: SubmitOrder) -> JobCall | NoPlaceNow | Refusal | Begun:
        """Create a job. Until that is known to have happened or not, `unclear` says which.

        Nothing is created if another one may have been begun, which is returned.
        """
        self.unclear = order.job
        submitting = verbs.SUBMIT.start(self._provider(order.job), order)
        await done_or(submitting, until=self.to_stop)
        if not submitting.done():
            # It is nearly always better to know what was submitted than to be quick.
            await workflow.wait([submitting], timeout=options.SUBMIT_GRACE.total_seconds())
        submission = await outcome_of(submitting)
        if submission is None:
            raise Stopped
        self.unclear = None
        if submission.job_id is None:
            return submission.begun or submission.no_place or _refused(submission.refusal)
        return self._call(order.job, submission.job_id, may_have_a_twin=submission.repeated)

    def _call(self, order: JobOrder, job_id: str, *, may_have_a_twin: bool) -> JobCall:
        twins_until = workflow.now() + options.TWINS_WITHIN if may_have_a_twin else None
        call = JobCall(job=order, job_id=job_id, twins_until=twins_until)
        self._jobs.append(call)
        return call

    async def followed(self, call: JobCall) -> JobReport:
        """Follow a job until it has ended."""
        report = await self.next(call, seen=None)
        while not report.status.ended:
            report = await self.next(call, seen=report.status)
        return report

    async def next(self, call: JobCall, *, seen: BatchStatus | None, to_the_end: bool = False) -> JobReport:
        """Wait until a job is in another status than the one `seen`; a wake-up has it looked at now."""
        report: JobReport | None = None
        while report is None:
            self._woken = False
            polling = verbs.POLL.start(self._provider(call.job), replace(call, seen=seen))
            await done_or(polling, until=lambda: self._woken or self.to_stop(to_the_end=to_the_end))
            report = await outcome_of(polling)
            if report is None:
                self.go_on(to_the_end=to_the_end)
        workflow.set_current_details(f"{call.job_id}: {report.status.value}")
        if report.status not in (BatchStatus.VALIDATING, BatchStatus.FAILED):
            await self._on_running()
        return report

    async def download(self, call: JobCall, *, to_the_end: bool = False) -> Download:
        """Keep what a job has made."""
        order = DownloadOrder(job=call.job, job_id=call.job_id, stopped=self.stopped)
        downloading = verbs.DOWNLOAD.start(self._provider(call.job), order)
        return await self._run(downloading, to_the_end=to_the_end)

    async def cancel(self, call: JobCall) -> JobReport:
        """Have a job stopped; return what it is then."""
        return await verbs.CANCEL.start(self._provider(call.job), call)

    async def begun_before(self) -> JobOrder | None:
        """Return the order for the job that the shard had begun when its story was told before, if any."""
        shard = ShardRef(batch_id=self._order.batch_id, shard=self._order.shard)
        begun = await workflow.execute_activity_method(
            BegunJobs.begun_before, shard, **options.row("what was begun before the story was told again")
        )
        if begun is None or begun.deployment not in self._providers:
            return None
        return self.order(begun.deployment, begun.number)

    async def recall(self, order: JobOrder) -> tuple[JobCall, ...]:
        """Return what was made of the shard at a deployment, by this story or one before it."""
        self._uploads.append(order)
        recalled = await verbs.RECALL.start(self._provider(order), order)
        self._jobs += recalled.jobs
        return recalled.jobs

    # --- what is left --------------------------------------------------------------------------

    @property
    def remains(self) -> tuple[Remains, ...]:
        """What may be left at each deployment, to be cleaned up."""
        everywhere = map(self._left_at, self._providers)
        return tuple(each for each in everywhere if each.jobs or each.uploads)

    async def clean_up_at(self, deployment: str, *, within: timedelta | None = None) -> None:
        """Leave nothing at a deployment that the shard is about to come back to; within a while, or later."""
        left = self._left_at(deployment)
        cleaning = verbs.CLEAN_UP.start(left.provider, left)
        await done_or(cleaning, until=self.to_stop, within=within)
        given_up = not cleaning.done()
        # Never longer than it is waited for: it would delete what the next job is made of.
        await outcome_of(cleaning)
        self.go_on()
        if given_up:
            return
        self._jobs = [call for call in self._jobs if call.job.deployment != deployment]
        self._uploads = [order for order in self._uploads if order.deployment != deployment]

    def _left_at(self, deployment: str) -> Remains:
        jobs = [call for call in self._jobs if call.job.deployment == deployment]
        uploads = [order for order in self._uploads if order.deployment == deployment]
        return Remains(
            provider=self._providers[deployment],
            deployment=deployment,
            jobs=tuple(jobs[-options.LEFT_REMEMBERED :]),
            uploads=tuple(uploads[-options.LEFT_REMEMBERED :]),
        )

    # --- parts ---------------------------------------------------------------------------------

    async def _run(self, handle: ActivityHandle[Outcome], *, to_the_end: bool = False) -> Outcome:
        await done_or(handle, until=lambda: self.to_stop(to_the_end=to_the_end))
        outcome = await outcome_of(handle)
        if outcome is None:
            raise Stopped
        return outcome

    def _provider(self, order: JobOrder) -> str:
        return self._providers[order.deployment]


def _refused(refusal: Refusal | None) -> Refusal:
    return refusal or Refusal(code="provider_refused", message="The provider refused, and did not say why.")
