"""The housekeeping that Overnight does every half minute, done now."""

import asyncio

from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleOverlapPolicy,
)

from tests.acceptance.serving import READY_WITHIN_SECONDS, eventually


async def keep_house(temporal: Client) -> None:
    """Run the housekeeping's schedule once, as its button in the Temporal UI does, and wait for the end."""
    schedule = temporal.get_schedule_handle("overnight-housekeeping")
    before = (await schedule.describe()).info.num_actions

    async def begun() -> list[ScheduleActionResult]:
        info = (await schedule.describe()).info
        return list(info.recent_actions) if info.num_actions > before else []

    await schedule.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    run = (await eventually(begun))[-1].action
    assert isinstance(run, ScheduleActionExecutionStartWorkflow)
    async with asyncio.timeout(READY_WITHIN_SECONDS):
        await temporal.get_workflow_handle(run.workflow_id, run_id=run.first_execution_run_id).result()
