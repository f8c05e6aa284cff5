"""The native lane: one shard as a job of a provider, from asking for a place to its results.

A job that can't be had at one deployment is asked for at the next; one that finds no room waits its
turn. Whatever has been submitted is followed to its end, because it is paid for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.job_payloads import (
        NOT_READY,
        Begun,
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
    from workflows import options
    from workflows.job_steps import JobSteps, Stopped
    from workflows.place import Place

WHAT_WAS_BEGUN = "what-was-begun"
"""Since then a stop of a story that is told again reaches what was begun before, also if it comes first."""

THE_PLACE_COMES_FIRST = "the-place-comes-first"
"""Since then a shard that finds no room gives its place back before it cleans up, and tries again even where
nothing can be deleted."""

SLOW_IS_NOT_NO = "slow-is-not-no"
"""Since then a deployment that is slow to take a file in is asked again once all others have refused."""

_GOING_ON = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a lane left a shard: refused everywhere, or run (`expired` by the provider, perhaps)."""

    refusal: Refusal | None = None
    expired: bool = False
    warnings: tuple[str, ...] = ()


class NativeLane:
    """Runs one shard at the deployments of `routes`. `on_running` is called once a provider works on it.

    Unless it `is_last`, there is another way to run the shard, should they all refuse it.
    """

    def __init__(
        self,
        order: ShardOrder,
        routes: tuple[Route, ...],
        *,
        on_running: Callable[[], Awaitable[None]],
        is_last: bool = True,
    ) -> None:
        self._is_last = is_last
        self._recall_first = order.recall
        self._deployments = tuple(route.deployment for route in routes)
        self._on_running = on_running
        self._place = Place(order, ids.places_id(self._deployments, model=order.model))
        self._steps = JobSteps(order, routes, on_running=self._runs)
        self._running = self._from_before = self._others = self._patient = False
        self._number = 0
        self._job: JobCall | None = None
        self._warnings: list[str] = []

    @property
    def place(self) -> Place:
        """Where the shard stands with its place."""
        return self._place

    @property
    def remains(self) -> tuple[Remains, ...]:
        """What may be left at each deployment, to be cleaned up."""
        return self._steps.remains

    def stop(self, reason: StopReason) -> None:
        """Go no further. The first reason stays."""
        self._steps.stop(reason)

    def wake(self) -> None:
        """The provider has news of the job."""
        self._steps.wake()

    async def run(self) -> Ending:
        """Run the shard, and leave its results as checkpoints."""
        try:
            ending = await self._go_round()
        except Stopped:
            ending = await self._part()
        return replace(ending, warnings=tuple(self._warnings))

    # --- the story -----------------------------------------------------------------------------

    async def _go_round(self) -> Ending:
        """Ask one deployment after the other, until one has run the shard or all have refused it."""
        self._steps.go_on()
        refusal: Refusal | None = None
        candidates = list(self._deployments)
        slow: list[str] = []
        while candidates:
            self._others = not self._patient and (len(candidates) > 1 or not self._is_last)
            deployment = await self._place.had(candidates, stopped=self._steps.to_stop)
            self._steps.go_on()
            outcome = await self._at(deployment)
            await self._leave(deployment, outcome)
            match outcome:
                case Ending():
                    return outcome
                case NoPlaceNow() | Begun():
                    continue
                case Refusal():
                    candidates.remove(deployment)
                    refusal = refusal or outcome
                    if self._is_only_slow(outcome):
                        slow.append(deployment)
                    if not candidates and slow:
                        # One that is slow is better than none.
                        candidates, slow, self._patient = slow, [], True
                    if candidates:
                        self._warnings.append(outcome.message)
        return Ending(refusal=refusal)

    def _is_only_slow(self, refusal: Refusal) -> bool:
        """Tell whether a deployment is to be asked once more, should all others refuse."""
        if refusal.code != NOT_READY or self._patient or not self._is_last:
            return False
        return workflow.patched(SLOW_IS_NOT_NO)

    async def _leave(self, deployment: str, outcome: object) -> None:
        """Give the place back, with nothing left at a deployment that will be asked again."""
        no_room = self._no_room(outcome)
        if not isinstance(outcome, NoPlaceNow):
            await self._place.leave(no_room)
        elif workflow.patched(THE_PLACE_COMES_FIRST):
            await self._place.leave(no_room)
            # Tried again and again, what is left there would pile up.
            await self._steps.clean_up_at(deployment, within=options.CLEAN_UP_FIRST)
        else:
            await self._steps.clean_up_at(deployment)
            await self._place.leave(no_room)

    def _no_room(self, outcome: object) -> NoPlaceNow | None:
        """Return what those who wait are to hear of a deployment; what it said long ago is no news."""
        return None if not isinstance(outcome, NoPlaceNow) or self._from_before else outcome

    async def _at(self, deployment: str) -> Ending | NoPlaceNow | Refusal | Begun:
        begun = self._place.begun
        self._number = begun.number if begun and begun.deployment == deployment else self._number + 1
        order = self._steps.order(deployment, self._number)
        had = await self._had(order)
        if had is None:
            return Ending()
        if not isinstance(had, JobCall):
            return had
        self._job = had
        return await self._see_through(had)

    async def _had(self, order: JobOrder) -> JobCall | NoPlaceNow | Refusal | Begun | None:
        """Return the shard's job, created now or there from before; None if there is no line for one."""
        uploaded = await self._steps.upload(order)
        self._from_before = isinstance(uploaded, JobCall)
        if not isinstance(uploaded, str):
            return uploaded
        return await self._steps.submit(
            SubmitOrder(job=order, file_id=uploaded, begun=self._place.begun, others=self._others)
        )

    async def _see_through(self, call: JobCall) -> Ending | NoPlaceNow | Refusal:
        report = await self._steps.followed(call)
        if report.status is BatchStatus.CANCELLED:
            self._warnings.append(f"job {call.job_id} was cancelled at its provider, by somebody else")
        outcome = report.no_place or report.refusal or await self._fetch(call, report)
        self._job = None
        return outcome

    async def _fetch(self, call: JobCall, report: JobReport, *, to_the_end: bool = False) -> Ending | Refusal:
        download = await self._steps.download(call, to_the_end=to_the_end)
        if download.warning:
            self._warnings.append(download.warning)
        return download.refusal or Ending(expired=report.status is BatchStatus.EXPIRED)

    async def _runs(self) -> None:
        if not self._running:
            self._running = True
            await self._on_running()
        await self._place.settle()

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
        if self._recall_first:
            # Told again: what it had submitted, only the providers know.
            unclear = [self._steps.order(deployment, 1) for deployment in self._deployments]
        else:
            unclear = await self._unclear()
        known = [self._end(self._job)] if self._job else []
        await asyncio.gather(*known, *(self._recall(order) for order in unclear))

    async def _unclear(self) -> list[JobOrder]:
        """Return the orders of which nobody knows whether there is a job."""
        order = self._steps.unclear
        if order is None and self._job is None and workflow.patched(WHAT_WAS_BEGUN):
            order = await self._steps.begun_before()
        return [order] if order else []

    async def _recall(self, order: JobOrder) -> None:
        for call in await self._steps.recall(order):
            await self._end(call)

    async def _end(self, call: JobCall) -> None:
        report = await self._steps.cancel(call)
        while not report.status.ended:
            report = await self._steps.next(call, seen=report.status, to_the_end=True)
            if report.status in _GOING_ON:
                # A provider may have thought it too early to cancel.
                report = await self._steps.cancel(call)
        if report.refusal is None and report.no_place is None:
            await self._fetch(call, report, to_the_end=True)
