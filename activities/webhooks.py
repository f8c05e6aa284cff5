"""Telling clients how their batches have ended: one attempt at a delivery, and what is kept of it.

All that comes here are ids. Where a delivery goes, and what signs it, is read from the catalog each time, so
that no history holds a URL or a secret, and what was changed meanwhile counts.
"""

from datetime import timedelta

import structlog
from temporalio import activity

from activities.clock import Clock, utc_now
from activities.failures import LONGEST_PAUSE, usual_pause
from overnight.catalog import Catalog
from overnight.domain.errors import WebhookNotTaken
from overnight.domain.webhook import Delivery, DeliveryStatus, WebhookEndpoint
from overnight.webhooks.crowd import Crowd
from overnight.webhooks.sender import Reply, WebhookSender
from overnight.webhooks.signing import signed_headers

_log = structlog.stdlib.get_logger(__name__)


class Webhooks:
    """Delivers what is owed. At least once: an attempt of which nobody heard the end is made again."""

    def __init__(self, *, catalog: Catalog, sender: WebhookSender, clock: Clock = utc_now) -> None:
        self._catalog = catalog
        self._sender = sender
        self._clock = clock
        self._crowd = Crowd()

    @activity.defn(name="webhooks_due")
    async def webhooks_due(self, batch_id: str) -> tuple[str, ...]:
        """Return the deliveries of a batch that has ended, most often none. Its last row made them."""
        return tuple(each.id for each in await self._catalog.pending_deliveries(batch_id))

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, delivery_id: str) -> None:
        """Deliver it, unless there is nothing to deliver any more.

        Raises WebhookNotTaken, with the time of the next attempt, when the receiver did not take it.
        """
        found = await self._catalog.delivery(delivery_id)
        if found is None or found[0].status is not DeliveryStatus.PENDING:
            return
        delivery, endpoint = found
        if endpoint.disabled_at:
            await self._catalog.give_up_delivery(delivery_id)
            return
        try:
            with self._crowd.place(endpoint.id):
                reply = await self._send(delivery, endpoint)
        except WebhookNotTaken as crowded:
            until = self._clock() + crowded.retry_after
            await self._catalog.put_off_delivery(delivery_id, until=until)
            raise
        self._crowd.heard(endpoint.id, answered=not reply.in_vain)
        await self._conclude(delivery, endpoint, reply)

    @activity.defn(name="give_up_webhook")
    async def give_up_webhook(self, delivery_id: str) -> None:
        """Note that a delivery was tried for long enough."""
        await self._catalog.give_up_delivery(delivery_id)
        _log.warning("webhook given up", delivery_id=delivery_id)

    async def _send(self, delivery: Delivery, endpoint: WebhookEndpoint) -> Reply:
        now, body = self._clock(), delivery.event.body
        headers = signed_headers(body, delivery_id=delivery.id, at=now, secrets_now=endpoint.secrets_at(now))
        return await self._sender.send(endpoint.url, body, headers, now=now)

    async def _conclude(self, delivery: Delivery, endpoint: WebhookEndpoint, reply: Reply) -> None:
        attempt, now = reply.attempt, self._clock()
        event = {"event_type": delivery.event.type.value, "endpoint_id": endpoint.id}
        if reply.taken or reply.gone:
            status = DeliveryStatus.DELIVERED if reply.taken else DeliveryStatus.FAILED
            await self._catalog.note_attempt(delivery.id, attempt, status=status, next_try_at=None)
            if reply.gone:
                await self._catalog.disable_webhook_endpoint(endpoint.id, now=now)
            _log.info("webhook disabled" if reply.gone else "webhook delivered", **event)
            return
        pause = _pause(delivery, reply)
        await self._catalog.note_attempt(
            delivery.id, attempt, status=DeliveryStatus.PENDING, next_try_at=now + pause
        )
        raise WebhookNotTaken(attempt.outcome, retry_after=pause)


def _pause(delivery: Delivery, reply: Reply) -> timedelta:
    """Return how long to wait: by the attempts that were made, and at least as long as the receiver asks."""
    usual = usual_pause(attempts=delivery.attempts_total + 1)
    return max(usual, min(reply.retry_after or usual, LONGEST_PAUSE))
