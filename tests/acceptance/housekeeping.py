"""The housekeeping that Overnight does every half minute, done now."""

import asyncio

from temporalio.client import Client, ScheduleActionExecutionStartWorkflow, ScheduleOverlapPolicy

PATIENCE_SECONDS = 120


async def keep_house(temporal: Client) -> None:
    """Run the housekeeping's schedule once, as its button in the Temporal UI does, and wait for the end."""
    schedule = temporal.get_schedule_handle("overnight-housekeeping")
    before = (await schedule.describe()).info.num_actions
    await schedule.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (info := (await schedule.describe()).info).num_actions == before:
            await asyncio.sleep(0.05)
    run = info.recent_actions[-1].action
    assert isinstance(run, ScheduleActionExecutionStartWorkflow)
    await temporal.get_workflow_handle(run.workflow_id, run_id=run.first_execution_run_id).result()
