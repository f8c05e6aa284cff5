"""The `webhook` of a batch: an endpoint of its own, kept before the batch starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.gateway import DEFAULT_PROJECT, Gateway
from api.webhook_requests import BatchWebhook
from overnight.domain.batch import BatchOrder
from overnight.domain.errors import IdempotencyMismatch, InvalidRequest, UnknownWebhookEndpoint
from overnight.domain.ids import batch_webhook_id
from overnight.domain.webhook import EventType, WebhookEndpoint
from overnight.webhooks.signing import new_secret
from overnight.webhooks.urls import fault_in


def require_usable_url(url: str, gateway: Gateway, *, param: str) -> None:
    """Raise InvalidRequest, saying what is wrong, for a URL that no webhook can go to."""
    if fault := fault_in(url, gateway.settings.webhook_hosts):
        raise InvalidRequest(f"Invalid '{param}': {fault}.", param=param, code="invalid_value")


@asynccontextmanager
async def kept_webhook(
    wanted: BatchWebhook | None, order: BatchOrder, gateway: Gateway
) -> AsyncIterator[WebhookEndpoint | None]:
    """Keep the endpoint of a batch that is started inside the block.

    It goes again when the block raises IdempotencyMismatch: the batch of that id is another's then.
    """
    if wanted is None:
        yield None
        return
    endpoint = _endpoint(wanted, order)
    added = await gateway.catalog.add_batch_webhook(endpoint)
    try:
        yield endpoint if added else await webhook_of(order.batch_id, gateway)
    except IdempotencyMismatch:
        if added:
            await gateway.catalog.delete_webhook_endpoint(endpoint.id, project=order.project)
        raise


async def webhook_of(batch_id: str, gateway: Gateway) -> WebhookEndpoint | None:
    """Return the endpoint that a batch has brought along, None if it has none (any more)."""
    try:
        return await gateway.catalog.webhook_endpoint(batch_webhook_id(batch_id), project=DEFAULT_PROJECT)
    except UnknownWebhookEndpoint:
        return None


def _endpoint(wanted: BatchWebhook, order: BatchOrder) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=batch_webhook_id(order.batch_id),
        project=order.project,
        name=order.batch_id,
        url=wanted.url,
        event_types=tuple(EventType),
        secret=wanted.secret or new_secret(),
        created_at=order.created_at,
        updated_at=order.created_at,
        batch_id=order.batch_id,
    )
