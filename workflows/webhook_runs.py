"""Starting deliveries: by the batch that has ended, and by housekeeping where no batch could."""

from contextlib import suppress

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import Webhooks
    from overnight.domain.errors import TemporalUnavailable
    from overnight.domain.webhook import Delivery
    from workflows import options, queues
    from workflows.webhooks import WebhookWorkflow


async def tell_of_the_end(batch_id: str) -> None:
    """Start, from within a batch, what tells others how it has ended. Nothing here waits for them."""
    due = await workflow.execute_activity_method(
        Webhooks.webhooks_due, batch_id, **options.webhook_row("who wants to hear of it")
    )
    for delivery_id in due:
        # Somebody has reset the batch, or housekeeping was quicker.
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                WebhookWorkflow.run,
                delivery_id,
                id=f"{batch_id}/{delivery_id}",
                task_queue=queues.BATCHES,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                priority=options.WHAT_CAN_WAIT,
                static_summary=_SUMMARY,
            )


class WebhookRuns:
    """Starts deliveries from without."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, delivery: Delivery) -> None:
        """Start the delivery, unless it was started before. Raises TemporalUnavailable."""
        try:
            await self._client.start_workflow(
                WebhookWorkflow.run,
                delivery.id,
                id=delivery.workflow_id,
                task_queue=queues.BATCHES,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                priority=options.WHAT_CAN_WAIT,
                static_summary=_SUMMARY,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise TemporalUnavailable(f"Temporal did not do it: {error.status.name}") from error


_SUMMARY = "tells a receiver how the batch has ended"
