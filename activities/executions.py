"""What Temporal says of a batch's workflow."""

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode


async def workflow_status(client: Client, batch_id: str) -> WorkflowExecutionStatus | None:
    """Return the status of a batch's workflow, None when Temporal knows of none (any more)."""
    try:
        description = await client.get_workflow_handle(batch_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return description.status
