"""OpenAI's API for webhook endpoints: register, look at, list, change, rotate the secret, test, delete.

And what OpenAI has no route for: what was delivered to an endpoint, and what it answered.
"""

from typing import Annotated

from fastapi import APIRouter, Query

from api.batch_webhooks import require_usable_url
from api.gateway import DEFAULT_PROJECT, Gateway, TheGateway
from api.json_route import BoundedRoute
from api.webhook_requests import SecretRotation, WebhookCreate, WebhookTest, WebhookUpdate
from api.webhook_schemas import (
    DeliveryList,
    EventTypeList,
    WebhookEndpointDeleted,
    WebhookEndpointList,
    WebhookEndpointObject,
    WebhookEndpointWithSecret,
    WebhookTestResult,
)
from overnight.domain import ids
from overnight.domain.errors import InvalidRequest
from overnight.domain.webhook import OLD_SECRET_LIFETIME, Event, EventType, WebhookEndpoint
from overnight.webhooks.signing import new_secret, signed_headers

TESTED_BATCH = "batch_test"
"""What a test says has ended. There is no such batch."""

_Limit = Annotated[int, Query(ge=1, le=100)]

router = APIRouter(tags=["webhooks"], route_class=BoundedRoute)


@router.post("/webhook_endpoints")
async def post_endpoint(wanted: WebhookCreate, gateway: TheGateway) -> WebhookEndpointWithSecret:
    """Register an endpoint. Its secret is shown here, and never again."""
    require_usable_url(wanted.url, gateway, param="url")
    now = gateway.clock()
    endpoint = WebhookEndpoint(
        id=ids.new_webhook_endpoint_id(),
        project=DEFAULT_PROJECT,
        name=wanted.name,
        url=wanted.url,
        event_types=tuple(dict.fromkeys(wanted.event_types)),
        secret=new_secret(),
        created_at=now,
        updated_at=now,
    )
    await gateway.catalog.add_webhook_endpoint(endpoint)
    return WebhookEndpointWithSecret.showing(endpoint)


@router.get("/webhook_endpoints")
async def list_endpoints(
    gateway: TheGateway, *, after: str | None = None, limit: _Limit = 20
) -> WebhookEndpointList:
    """List endpoints, the newest first; not those that single batches have brought along."""
    page = await gateway.catalog.list_webhook_endpoints(project=DEFAULT_PROJECT, after=after, limit=limit)
    return WebhookEndpointList.of(page)


@router.get("/webhook_endpoints/{endpoint_id}")
async def get_endpoint(endpoint_id: str, gateway: TheGateway) -> WebhookEndpointObject:
    """Say what an endpoint is."""
    return WebhookEndpointObject.of(await _read(endpoint_id, gateway))


@router.post("/webhook_endpoints/{endpoint_id}")
async def post_change(endpoint_id: str, wanted: WebhookUpdate, gateway: TheGateway) -> WebhookEndpointObject:
    """Change an endpoint. One that was disabled, because it answered 410, is sent to again."""
    if wanted.url is not None:
        require_usable_url(wanted.url, gateway, param="url")
    changes = wanted.model_dump(mode="json", exclude_none=True)
    return WebhookEndpointObject.of(await _change(endpoint_id, {**changes, "disabled_at": None}, gateway))


@router.delete("/webhook_endpoints/{endpoint_id}")
async def delete_endpoint(endpoint_id: str, gateway: TheGateway) -> WebhookEndpointDeleted:
    """Delete an endpoint. What was still to be delivered to it is not."""
    await gateway.catalog.delete_webhook_endpoint(endpoint_id, project=DEFAULT_PROJECT)
    return WebhookEndpointDeleted(id=endpoint_id)


@router.post("/webhook_endpoints/{endpoint_id}/rotate_secret")
async def post_rotation(
    endpoint_id: str, gateway: TheGateway, wanted: SecretRotation | None = None
) -> WebhookEndpointWithSecret:
    """Make a new secret and show it. The old one can sign beside it for another 24 hours."""
    before = await _read(endpoint_id, gateway)
    kept = wanted is not None and wanted.keep_old_secret_active_for_24_hours
    changes: dict[str, object] = {
        "secret": new_secret(),
        "old_secret": before.secret if kept else None,
        "old_secret_until": gateway.clock() + OLD_SECRET_LIFETIME if kept else None,
    }
    return WebhookEndpointWithSecret.showing(await _change(endpoint_id, changes, gateway))


@router.post("/webhook_endpoints/{endpoint_id}/test")
async def post_test(
    endpoint_id: str, gateway: TheGateway, wanted: WebhookTest | None = None
) -> WebhookTestResult:
    """Send an event that never happened, now and once, and say what was answered."""
    endpoint = await _read(endpoint_id, gateway)
    event_type = (wanted or WebhookTest()).event_type
    now = gateway.clock()
    event = Event(id=ids.new_test_event_id(), type=event_type, batch_id=TESTED_BATCH, occurred_at=now)
    signed = signed_headers(
        event.body,
        delivery_id=ids.delivery_id(event.id, endpoint_id),
        at=now,
        secrets_now=endpoint.secrets_at(now),
    )
    attempt = (await gateway.webhooks.send(endpoint.url, event.body, signed, now=now)).attempt
    if attempt.status_code is None:
        message = f"The endpoint did not answer: {attempt.error}."
        raise InvalidRequest(message, param="url", code="webhook_endpoint_unreachable")
    return WebhookTestResult(
        webhook_endpoint_id=endpoint_id, event_type=event_type.value, status_code=attempt.status_code
    )


@router.get("/webhook_endpoints/{endpoint_id}/deliveries")
async def list_deliveries(
    endpoint_id: str, gateway: TheGateway, *, after: str | None = None, limit: _Limit = 20
) -> DeliveryList:
    """List what was, or is to be, delivered to an endpoint in the last 30 days, the newest first."""
    page = await gateway.catalog.list_deliveries(
        endpoint_id, project=DEFAULT_PROJECT, after=after, limit=limit
    )
    return DeliveryList.of(page)


@router.get("/webhook_event_types")
async def list_event_types() -> EventTypeList:
    """List what can be subscribed to."""
    return EventTypeList(data=[each.value for each in EventType])


async def _read(endpoint_id: str, gateway: Gateway) -> WebhookEndpoint:
    return await gateway.catalog.webhook_endpoint(endpoint_id, project=DEFAULT_PROJECT)


async def _change(endpoint_id: str, changes: dict[str, object], gateway: Gateway) -> WebhookEndpoint:
    return await gateway.catalog.change_webhook_endpoint(
        endpoint_id, changes, project=DEFAULT_PROJECT, now=gateway.clock()
    )
