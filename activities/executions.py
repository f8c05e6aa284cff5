"""What Temporal says of a workflow, which a workflow itself can't ask."""

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode


class Executions:
    """Looks at other workflows for one that has to wait for them."""

    def __init__(self, *, client: Client) -> None:
        self._client = client

    @activity.defn(name="until_closed")
    async def until_closed(self, workflow_id: str) -> None:
        """Return once no workflow of this id runs.

        "Not yet" is an error, as with a job that is polled: waiting for a day makes no history.
        """
        if await workflow_status(self._client, workflow_id) is WorkflowExecutionStatus.RUNNING:
            raise ApplicationError("it still runs", type="NotYet", category=ApplicationErrorCategory.BENIGN)


async def workflow_status(client: Client, workflow_id: str) -> WorkflowExecutionStatus | None:
    """Return the status of a workflow, None when Temporal knows of none of that id (any more)."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return description.status
