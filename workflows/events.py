"""Events leave their batch at once: each is a workflow of its own, which waits for its sinks.

One for an event and not for each of its sinks, so that a batch's history has the same size with ten of them;
the sinks are its activities, each on a queue of its own, so that one that is down holds up no other.
"""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, TimeoutType, WorkflowAlreadyStartedError
from temporalio.exceptions import TimeoutError as TemporalTimeout

with workflow.unsafe.imports_passed_through():
    from activities.event_payloads import Opened, Telling
    from activities.events import EventBooks
    from activities.payloads import ProgressReport
    from overnight.domain.batch import BatchChange, BatchOrder
    from overnight.domain.event import EventType, Occurrence, event_on_entering
    from overnight.domain.usage import Counts
    from workflows import options

EMIT = "emit_event"


def event_workflow_id(occurrence: Occurrence) -> str:
    """Return the id of the workflow that hands an event over."""
    return f"{occurrence.batch_id}/events/{occurrence.name}"


@workflow.defn(name="Event")
class EventWorkflow:
    """Hands one event to every sink. Its id is `<batch id>/events/<event>`."""

    @workflow.run
    async def run(self, telling: Telling) -> None:
        """See it through everywhere."""
        await asyncio.gather(*(_hand_over(telling.occurrence, sink) for sink in telling.sinks))


async def _hand_over(occurrence: Occurrence, sink: str) -> None:
    """Offer an event to a sink until it takes it, or is no longer configured."""
    while True:
        try:
            await workflow.execute_activity(
                EMIT, occurrence, result_type=type(None), **options.emitting(sink)
            )
        except ActivityError as failure:
            if not _nobody_heard(failure):
                raise
            # No worker is up, or none has this sink any more.
            known = await workflow.execute_activity_method(
                EventBooks.known_sinks, (sink,), **options.row(f"is there still a sink {sink}?")
            )
            if not known:
                return
        else:
            return


def _nobody_heard(failure: ActivityError) -> bool:
    return isinstance(failure.cause, TemporalTimeout) and failure.cause.type is TimeoutType.SCHEDULE_TO_START


class Events:
    """What happens to one batch, told to the sinks that there were when it was opened.

    None are known where there are none but the log, which is written by steps that are made anyway, and for
    a batch that was opened before there were events.
    """

    def __init__(self, order: BatchOrder) -> None:
        self._batch_id = order.batch_id
        self._created_at = order.created_at
        self._sinks: tuple[str, ...] = ()
        self._leaving: list[asyncio.Task[None]] = []
        self.steps = 0

    def opened(self, opened: Opened | None) -> None:
        """The batch's row is there."""
        self._sinks = opened.sinks if opened else ()
        self._tell(EventType.CREATED, at=self._created_at)

    def entered(self, change: BatchChange) -> None:
        """The batch's row has got its status."""
        event = event_on_entering(change.status)
        at = change.stamps.of(change.status)
        if event and at:
            self._tell(event, at=at, counts=change.counts)

    def progressed(self, report: ProgressReport, counts: Counts) -> None:
        """The batch has come so far."""
        if report.at and report.step > self.steps:
            self.steps = report.step
            self._tell(
                EventType.PROGRESS, at=report.at, step=report.step, counts=counts, tokens=report.tokens
            )

    async def left(self) -> None:
        """Wait until the workflows of all events have begun; they need nobody any more."""
        await asyncio.gather(*self._leaving)

    def _tell(
        self,
        event: EventType,
        *,
        at: datetime,
        step: int = 0,
        counts: Counts | None = None,
        tokens: int | None = None,
    ) -> None:
        if self._sinks:
            occurrence = Occurrence(
                batch_id=self._batch_id,
                type=event,
                at=at,
                step=step,
                counts=counts or Counts(),
                tokens=tokens,
            )
            self._leaving.append(asyncio.create_task(self._send_off(occurrence)))

    async def _send_off(self, occurrence: Occurrence) -> None:
        try:
            await workflow.start_child_workflow(
                EventWorkflow.run,
                Telling(occurrence=occurrence, sinks=self._sinks),
                id=event_workflow_id(occurrence),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                priority=options.WHAT_CAN_WAIT,
                static_summary=f"{occurrence.type.value} to {', '.join(self._sinks)}",
            )
        except WorkflowAlreadyStartedError:
            # The batch's story is told again, and the event is still on its way.
            workflow.logger.debug("event already on its way")
