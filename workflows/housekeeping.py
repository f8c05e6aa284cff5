"""The schedule that keeps the house in order, and the workflow it runs."""

from datetime import timedelta

from temporalio import workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

with workflow.unsafe.imports_passed_through():
    from activities.housekeeping import Housekeeping
    from workflows import options, queues

INTERVAL = timedelta(seconds=30)
"""A batch that was terminated in Temporal's UI is settled within this long."""

_CATCH_UP = timedelta(seconds=10)
"""Runs missed while Temporal was down are worth nothing: the next one does all of their work."""

_ID = "overnight-housekeeping"


@workflow.defn(name="Housekeeping")
class HousekeepingWorkflow:
    """Reconciles batches with their workflows and erases files past their time."""

    @workflow.run
    async def run(self) -> None:
        """Do both once."""
        await workflow.execute_activity_method(
            Housekeeping.reconcile, **options.whole_files("settle batches without a workflow")
        )
        await workflow.execute_activity_method(
            Housekeeping.erase_files, **options.whole_files("erase files past their time")
        )


async def ensure_schedule(client: Client) -> None:
    """Make sure the schedule is there; a worker does this when it starts."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            HousekeepingWorkflow.run,
            id=_ID,
            task_queue=queues.BATCHES,
            static_summary="settles batches without a workflow, erases old files",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=INTERVAL)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )
    try:
        await client.create_schedule(_ID, schedule)
    except ScheduleAlreadyRunningError:
        return
