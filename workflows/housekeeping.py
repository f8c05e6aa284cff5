"""The schedule that keeps the house in order, and the workflow it runs."""

from dataclasses import replace
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
    ScheduleUpdate,
    ScheduleUpdateInput,
)

with workflow.unsafe.imports_passed_through():
    from activities.erasing import Erasing
    from activities.housekeeping import Housekeeping
    from activities.sweeping import Sweeping
    from activities.webhook_upkeep import WebhookUpkeep
    from workflows import options, queues

INTERVAL = timedelta(seconds=30)
"""A batch that was terminated in Temporal's UI is settled within this long."""

_CATCH_UP = timedelta(seconds=10)
"""Runs missed while Temporal was down are worth nothing: the next one does all of their work."""

SCHEDULE = "overnight-housekeeping"
"""The id of the schedule, and of the workflow that it runs."""


@workflow.defn(name="Housekeeping")
class HousekeepingWorkflow:
    """Reconciles batches with their workflows, erases what is past its time, and sweeps up what was left."""

    @workflow.run
    async def run(self) -> None:
        """Do all of it once."""
        await workflow.execute_activity_method(
            Housekeeping.reconcile, **options.whole_files("settle batches without a workflow")
        )
        await workflow.execute_activity_method(
            Erasing.erase_files, **options.whole_files("erase files past their time")
        )
        await workflow.execute_activity_method(
            Sweeping.sweep, **options.whole_files("remove what was left behind")
        )
        # Newer steps come last, so that a run which began before there were any can be gone on with.
        await workflow.execute_activity_method(
            Erasing.clear_uploads, **options.whole_files("erase the parts of uploads that are over")
        )
        await workflow.execute_activity_method(
            WebhookUpkeep.keep_webhooks, **options.row("start webhooks that were overlooked, forget old ones")
        )


async def ensure_schedule(client: Client) -> None:
    """Make sure the schedule is there, and as it is here; a worker does this when it starts."""
    schedule = _schedule()
    try:
        await client.create_schedule(SCHEDULE, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(SCHEDULE).update(_updated)


def _schedule() -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            HousekeepingWorkflow.run,
            id=SCHEDULE,
            task_queue=queues.BATCHES,
            static_summary="settles batches without a workflow, removes what nobody needs",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=INTERVAL)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=_CATCH_UP),
    )


def _updated(existing: ScheduleUpdateInput) -> ScheduleUpdate | None:
    """Return what an older version's schedule is to become, or None if there is nothing to change."""
    ours, theirs = _schedule(), existing.description.schedule
    if _essence(ours) == _essence(theirs):
        return None
    # Whether it is paused is the operator's affair.
    return ScheduleUpdate(replace(ours, state=theirs.state))


def _essence(schedule: Schedule) -> tuple[object, ...]:
    # An action that has been read from the server does not compare equal to the one it was made from.
    match schedule.action:
        case ScheduleActionStartWorkflow() as action:
            return schedule.spec, schedule.policy, action.workflow, action.id, action.task_queue
        case other:
            return schedule.spec, schedule.policy, other
