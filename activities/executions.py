"""What Temporal says of a workflow, which a workflow itself can't ask."""

from temporalio import activity
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHistoryEventFilterType,
)
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

BY_PARENT_CLOSE_POLICY = "by parent close policy"
"""What the server gives as its reason."""


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

    @activity.defn(name="closed_with_its_parent")
    async def closed_with_its_parent(self, workflow_id: str) -> bool:
        """Tell whether a workflow was terminated because its parent was, and not for its own sake."""
        last = self._client.get_workflow_handle(workflow_id).fetch_history_events(
            event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT
        )
        return any(
            [
                event.workflow_execution_terminated_event_attributes.reason == BY_PARENT_CLOSE_POLICY
                async for event in last
            ]
        )


async def workflow_status(client: Client, workflow_id: str) -> WorkflowExecutionStatus | None:
    """Return the status of a workflow, None when Temporal knows of none of that id (any more)."""
    description = await described(client, workflow_id)
    return None if description is None else description.status


async def described(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    """Return what Temporal shows of a workflow, None when it knows of none of that id (any more)."""
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
