"""The native lane: one shard as a job of a provider, from asking for a place to its results.

A job that can't be had at one deployment is asked for at the next; one that finds no room waits its
turn. Whatever has been submitted is followed to its end, because it is paid for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from temporalio import workflow
from temporalio.workflow import ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.job_payloads import (
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
    from overnight.domain import ids
    from overnight.domain.status import BatchStatus, StopReason
    from workflows import options, verbs
    from workflows.place import Place
    from workflows.stopping import done_or, outcome_of

Outcome = TypeVar("Outcome")

_GOING_ON = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)


class Stopped(Exception):
    """The shard is to go no further; what it has is still owed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a lane left a shard: refused everywhere, or run (`expired` by the provider, perhaps)."""

    refusal: Refusal | None = None
    expired: bool = False
    warnings: tuple[str, ...] = ()


class NativeLane:
    """Runs one shard at the deployments of `routes`. `on_running` is called once a provider works on it."""

    def __init__(
        self, order: ShardOrder, routes: tuple[Route, ...], *, on_running: Callable[[], Awaitable[None]]
    ) -> None:
        self._order = order
        self._routes = {route.deployment: route for route in routes}
        self._on_running = on_running
        self._stop = order.stop
        self._place = Place(order, ids.places_id(self._routes, model=order.model))
        self._woken = self._running = False
        self._number = 0
        self._unclear: JobOrder | None = None
        self._job: JobCall | None = None
        self._uploads: list[JobOrder] = []
        self._jobs: list[JobCall] = []
        self._warnings: list[str] = []

    @property
    def place(self) -> Place:
        """Where the shard stands with its place."""
        return self._place

    def stop(self, reason: StopReason) -> None:
        """Go no further. The first reason stays."""
        self._stop = self._stop or reason

    def wake(self) -> None:
        """The provider has news of the job."""
        self._woken = True

    # --- the story -----------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Run the shard, and leave its results as checkpoints."""
        try:
            ending = await self._go_round()
        except Stopped:
            ending = await self._part()
        return replace(ending, warnings=tuple(self._warnings))

    @property
    def remains(self) -> tuple[Remains, ...]:
        """What may be left at each deployment, to be cleaned up."""
        everywhere = map(self._left_at, self._routes)
        return tuple(each for each in everywhere if each.jobs or each.uploads)

    def _left_at(self, deployment: str) -> Remains:
        return Remains(
            provider=self._routes[deployment].provider,
            deployment=deployment,
            jobs=tuple(call for call in self._jobs if call.job.deployment == deployment),
            uploads=tuple(order for order in self._uploads if order.deployment == deployment),
        )

    async def _go_round(self) -> Ending:
        """Ask one deployment after the other, until one has run the shard or all have refused it."""
        self._go_on()
        refusal: Refusal | None = None
        candidates = list(self._routes)
        while candidates:
            deployment = await self._place.had(candidates, stopped=lambda: self._stop is not None)
            self._go_on()
            outcome = await self._at(deployment)
            if isinstance(outcome, NoPlaceNow):
                # Tried again and again, what is left there would pile up.
                await self._clean_up_at(deployment)
            await self._place.leave(outcome if isinstance(outcome, NoPlaceNow) else None)
            match outcome:
                case Ending():
                    return outcome
                case NoPlaceNow():
                    continue
                case Refusal():
                    candidates.remove(deployment)
                    refusal = refusal or outcome
                    if candidates:
                        self._warnings.append(outcome.message)
        return Ending(refusal=refusal)

    async def _clean_up_at(self, deployment: str) -> None:
        left = self._left_at(deployment)
        cleaning = verbs.CLEAN_UP.start(left.provider, left)
        await done_or(cleaning, until=lambda: self._stop is not None)
        await outcome_of(cleaning)
        self._go_on()
        self._jobs = [call for call in self._jobs if call.job.deployment != deployment]
        self._uploads = [order for order in self._uploads if order.deployment != deployment]

    async def _at(self, deployment: str) -> Ending | NoPlaceNow | Refusal:
        self._number += 1
        order = self._job_order(deployment, self._number)
        file_id = await self._upload(order)
        if not isinstance(file_id, str):
            return file_id
        submitted = await self._submit(SubmitOrder(job=order, file_id=file_id))
        if not isinstance(submitted, JobCall):
            return submitted
        return await self._see_through(submitted)

    async def _see_through(self, call: JobCall) -> Ending | NoPlaceNow | Refusal:
        report = await self._followed(call)
        if report.status is BatchStatus.CANCELLED:
            self._warnings.append(f"job {call.job_id} was cancelled at its provider, by somebody else")
        outcome = report.no_place or report.refusal or await self._download(call, report)
        self._job = None
        return outcome

    # --- one step each -------------------------------------------------------------------------

    async def _upload(self, order: JobOrder) -> str | NoPlaceNow | Refusal:
        # Also one that fails, or is stopped, may leave a file behind.
        self._uploads.append(order)
        upload = await self._run(verbs.UPLOAD.start(self._provider(order), order))
        if upload.file_id is None:
            return upload.no_place or _refused(upload.refusal)
        return upload.file_id

    async def _submit(self, order: SubmitOrder) -> JobCall | NoPlaceNow | Refusal:
        self._unclear = order.job
        submitting = verbs.SUBMIT.start(self._provider(order.job), order)
        await done_or(submitting, until=lambda: self._stop is not None)
        if not submitting.done():
            # It is nearly always better to know what was submitted than to be quick.
            await workflow.wait([submitting], timeout=options.SUBMIT_GRACE.total_seconds())
        submission = await outcome_of(submitting)
        if submission is None:
            raise Stopped
        self._unclear = None
        if submission.job_id is None:
            return submission.no_place or _refused(submission.refusal)
        self._job = JobCall(job=order.job, job_id=submission.job_id)
        self._jobs.append(self._job)
        return self._job

    async def _followed(self, call: JobCall) -> JobReport:
        """Follow a job until it has ended."""
        report = await self._next(call, seen=None)
        while not report.status.ended:
            report = await self._next(call, seen=report.status)
        return report

    async def _next(self, call: JobCall, *, seen: BatchStatus | None, to_the_end: bool = False) -> JobReport:
        """Wait until a job is in another status than the one `seen`; a wake-up has it looked at now."""
        report: JobReport | None = None
        while report is None:
            self._woken = False
            polling = verbs.POLL.start(self._provider(call.job), replace(call, seen=seen))
            await done_or(polling, until=lambda: self._woken or self._to_stop(to_the_end=to_the_end))
            report = await outcome_of(polling)
            if report is None:
                self._go_on(to_the_end=to_the_end)
        workflow.set_current_details(f"{call.job_id}: {report.status.value}")
        if report.status not in (BatchStatus.VALIDATING, BatchStatus.FAILED):
            await self._runs()
        return report

    async def _download(
        self, call: JobCall, report: JobReport, *, to_the_end: bool = False
    ) -> Ending | Refusal:
        order = DownloadOrder(job=call.job, job_id=call.job_id, stopped=self._stop)
        download = await self._run(
            verbs.DOWNLOAD.start(self._provider(call.job), order), to_the_end=to_the_end
        )
        if download.warning:
            self._warnings.append(download.warning)
        if download.refusal is not None:
            return download.refusal
        return Ending(expired=report.status is BatchStatus.EXPIRED)

    # --- being stopped -------------------------------------------------------------------------

    async def _part(self) -> Ending:
        """Cancel what runs, wait for it to end, and keep what it has finished; within reason."""
        parting = asyncio.create_task(self._take_leave())
        await workflow.wait([parting], timeout=options.PARTING.total_seconds())
        if parting.done():
            await parting
        else:
            parting.cancel()
            await asyncio.gather(parting, return_exceptions=True)
            self._warnings.append("a provider has not answered for long, so a job may still run there")
        await self._place.leave()
        return Ending()

    async def _take_leave(self) -> None:
        if self._order.recall:
            # Told again: what it had submitted, only the providers know.
            unclear = [self._job_order(deployment, 1) for deployment in self._routes]
        else:
            unclear = [self._unclear] if self._unclear else []
        known = [self._end(self._job)] if self._job else []
        await asyncio.gather(*known, *(self._recall(order) for order in unclear))

    async def _recall(self, order: JobOrder) -> None:
        self._uploads.append(order)
        recalled = await verbs.RECALL.start(self._provider(order), order)
        self._jobs += recalled.jobs
        for call in recalled.jobs:
            await self._end(call)

    async def _end(self, call: JobCall) -> None:
        report = await verbs.CANCEL.start(self._provider(call.job), call)
        while not report.status.ended:
            report = await self._next(call, seen=report.status, to_the_end=True)
            if report.status in _GOING_ON:
                # A provider may have thought it too early to cancel.
                report = await verbs.CANCEL.start(self._provider(call.job), call)
        if report.refusal is None and report.no_place is None:
            await self._download(call, report, to_the_end=True)

    # --- parts ---------------------------------------------------------------------------------

    async def _run(self, handle: ActivityHandle[Outcome], *, to_the_end: bool = False) -> Outcome:
        """Wait for a step; unless it goes `to_the_end`, a stop cancels it and raises Stopped."""
        await done_or(handle, until=lambda: self._to_stop(to_the_end=to_the_end))
        outcome = await outcome_of(handle)
        if outcome is None:
            raise Stopped
        return outcome

    def _to_stop(self, *, to_the_end: bool) -> bool:
        return self._stop is not None and not to_the_end

    def _go_on(self, *, to_the_end: bool = False) -> None:
        if self._to_stop(to_the_end=to_the_end):
            raise Stopped

    async def _runs(self) -> None:
        if not self._running:
            self._running = True
            await self._on_running()
        await self._place.settle()

    def _job_order(self, deployment: str, number: int) -> JobOrder:
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
        )

    def _provider(self, order: JobOrder) -> str:
        return self._routes[order.deployment].provider


def _refused(refusal: Refusal | None) -> Refusal:
    return refusal or Refusal(code="provider_refused", message="The provider refused, and did not say why.")
