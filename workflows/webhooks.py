"""Telling one receiver of one event: a story of its own, that delays no batch and no other receiver."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import Webhooks
    from workflows import options


@workflow.defn(name="Webhook")
class WebhookWorkflow:
    """Sees one delivery through. Its id is `<batch's id>/<delivery's id>`."""

    @workflow.run
    async def run(self, delivery_id: str) -> None:
        """Deliver it, or note after three days that nobody would take it."""
        try:
            await workflow.execute_activity_method(
                Webhooks.deliver_webhook, delivery_id, **options.webhook("until the receiver takes it")
            )
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise
            await workflow.execute_activity_method(
                Webhooks.give_up_webhook, delivery_id, **options.webhook_row("note that it was given up")
            )
