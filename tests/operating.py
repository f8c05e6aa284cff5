"""What an operator does to a workflow in Temporal's UI, by the same calls of the server's as it makes."""

import secrets

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus


async def reset(temporal: Client, workflow_id: str, *, to_the_last: bool = False) -> None:
    """Reset a workflow to the first workflow task that it completed: its story is told again from there.

    Or to the last: its story goes on from there.
    """
    history = await temporal.get_workflow_handle(workflow_id).fetch_history()
    completed = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    tasks = [event.event_id for event in history.events if event.event_type == completed]
    asked = ResetWorkflowExecutionRequest(
        namespace=temporal.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        reason="by hand",
        workflow_task_finish_event_id=tasks[-1] if to_the_last else tasks[0],
        request_id=secrets.token_hex(8),
    )
    await temporal.workflow_service.reset_workflow_execution(asked)


async def waits_for(temporal: Client, workflow_id: str, *steps: str) -> bool:
    """Say whether a workflow runs and has begun one of these activities, and not yet ended it."""
    described = await temporal.get_workflow_handle(workflow_id).describe()
    pending = described.raw_description.pending_activities
    return any(each.activity_type.name in steps for each in pending)


async def is_over(temporal: Client, workflow_id: str) -> bool:
    """Say whether a workflow has ended."""
    described = await temporal.get_workflow_handle(workflow_id).describe()
    return described.status is not WorkflowExecutionStatus.RUNNING
