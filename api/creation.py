"""Creating a batch: started in Temporal first, which is the durable point, and then written as a row."""

import structlog

from api.batch_webhooks import kept_webhook, require_usable_url, webhook_of
from api.gateway import DEFAULT_PROJECT, Gateway
from api.requests import BatchCreate
from api.routing import require_usable
from overnight.domain.batch import COMPLETION_WINDOWS, Batch, BatchOrder
from overnight.domain.errors import CatalogUnavailable, IdempotencyMismatch, InvalidRequest, UnknownBatch
from overnight.domain.ids import batch_id_for_key, new_batch_id
from overnight.domain.status import BatchStatus
from overnight.domain.webhook import WebhookEndpoint

_log = structlog.get_logger(__name__)


def idempotency_key(wanted: BatchCreate, header: str | None) -> str | None:
    """Return the one key that header and body agree on. Raises InvalidRequest when they don't."""
    if header and wanted.idempotency_key and header != wanted.idempotency_key:
        message = "The header 'Idempotency-Key' and the field 'idempotency_key' are different."
        raise InvalidRequest(message, param="idempotency_key", code="invalid_value")
    return header or wanted.idempotency_key


async def create_batch(
    wanted: BatchCreate,
    gateway: Gateway,
    *,
    idempotency_key: str | None,
    request_id: str,
    key_label: str | None = None,
) -> tuple[Batch, WebhookEndpoint | None]:
    """Start the batch, or find the one that this idempotency key has made; with its own endpoint, if any.

    Raises IdempotencyMismatch when that one was for something else, and InvalidRequest for a provider that
    nothing here can use, or a webhook that can't be. Once the workflow has started nothing
    is raised any more: the batch will run, and its workflow writes the row if this gateway can't.
    """
    order = _order(
        wanted, gateway, idempotency_key=idempotency_key, request_id=request_id, key_label=key_label
    )
    if idempotency_key is not None and (existing := await _existing(order, gateway)):
        return existing, await webhook_of(order, gateway) if wanted.webhook else None
    require_usable(order.provider, gateway.settings)
    if wanted.webhook:
        require_usable_url(wanted.webhook.url, gateway, param="webhook.url")
    webhook = await kept_webhook(wanted.webhook, order, gateway)
    order = await gateway.runs.start(order)
    _log.info("batch_started", batch_id=order.batch_id)
    return await _picture(order, gateway), webhook


def _order(
    wanted: BatchCreate,
    gateway: Gateway,
    *,
    idempotency_key: str | None,
    request_id: str,
    key_label: str | None,
) -> BatchOrder:
    key = idempotency_key
    return BatchOrder(
        batch_id=new_batch_id() if key is None else batch_id_for_key(DEFAULT_PROJECT, key),
        project=DEFAULT_PROJECT,
        input_file_id=wanted.input_file_id,
        endpoint=wanted.endpoint,
        completion_window=wanted.completion_window,
        window=COMPLETION_WINDOWS[wanted.completion_window],
        created_at=gateway.clock(),
        provider=wanted.custom_llm_provider,
        metadata=wanted.metadata,
        output_expires_after=wanted.output_lifetime,
        parameters_hash=wanted.parameters_hash(),
        request_id=request_id,
        key=key_label,
        max_cost=wanted.max_cost,
    )


async def _existing(order: BatchOrder, gateway: Gateway) -> Batch | None:
    # Temporal remembers an id only as long as its retention; the row stays.
    try:
        batch = await gateway.catalog.batch(order.batch_id, project=order.project)
    except UnknownBatch:
        return None
    if batch.order.parameters_hash != order.parameters_hash:
        raise IdempotencyMismatch
    return batch


async def _picture(order: BatchOrder, gateway: Gateway) -> Batch:
    try:
        await gateway.catalog.add_batch(order)
        return await gateway.catalog.batch(order.batch_id, project=order.project)
    except CatalogUnavailable as error:
        _log.warning("batch_row_left_to_workflow", batch_id=order.batch_id, reason=error.message)
        return Batch(order=order, status=BatchStatus.VALIDATING)
