"""The `webhook` of a batch: an endpoint of its own, kept before the batch starts."""

from api.gateway import Gateway
from api.webhook_requests import BatchWebhook
from overnight.domain.batch import BatchOrder
from overnight.domain.errors import InvalidRequest
from overnight.domain.ids import batch_webhook_id
from overnight.domain.webhook import EventType, WebhookEndpoint
from overnight.webhooks.signing import new_secret
from overnight.webhooks.urls import fault_in


def require_usable_url(url: str, gateway: Gateway, *, param: str) -> None:
    """Raise InvalidRequest, saying what is wrong, for a URL that no webhook can go to."""
    if fault := fault_in(url, gateway.settings.webhook_hosts):
        raise InvalidRequest(f"Invalid '{param}': {fault}.", param=param, code="invalid_value")


async def kept_webhook(
    wanted: BatchWebhook | None, order: BatchOrder, gateway: Gateway
) -> WebhookEndpoint | None:
    """Keep the endpoint of a batch that is to be started, and return it; a repeat's is the first one's.

    It is that of a batch which these very parameters have started, and of no other under the same idempotency
    key. One that comes to nothing is forgotten by housekeeping.
    """
    if wanted is None:
        return None
    endpoint = _endpoint(wanted, order)
    added = await gateway.catalog.add_batch_webhook(endpoint)
    return endpoint if added else await webhook_of(order, gateway)


async def webhook_of(order: BatchOrder, gateway: Gateway) -> WebhookEndpoint | None:
    """Return the endpoint that a batch has brought along, None if it has none (any more)."""
    return await gateway.catalog.batch_webhook(order.batch_id, order.parameters_hash, project=order.project)


def _endpoint(wanted: BatchWebhook, order: BatchOrder) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=batch_webhook_id(order.batch_id, order.parameters_hash),
        project=order.project,
        name=order.batch_id,
        url=wanted.url,
        event_types=tuple(EventType),
        secret=wanted.secret or new_secret(),
        created_at=order.created_at,
        updated_at=order.created_at,
        batch_id=order.batch_id,
    )
