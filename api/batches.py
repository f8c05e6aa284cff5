"""OpenAI's Batches API: create, look at, list, cancel."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from api.auth import key_label
from api.cancellation import cancel_batch
from api.creation import create_batch, idempotency_key
from api.gateway import DEFAULT_PROJECT, Gateway, TheGateway
from api.json_route import BoundedRoute
from api.requests import BatchCreate, IdempotencyKey
from api.routing import FIELD, TheHint, provider_of
from api.schemas import BatchList, BatchObject, BatchWebhookDetails
from api.waiting import explained
from overnight.catalog import Page
from overnight.domain.batch import Batch
from overnight.domain.job import BatchJob
from overnight.domain.webhook import WebhookEndpoint

SHOWN_JOBS = 1_000
"""How many jobs GET shows of a batch; that is 50 million requests."""

router = APIRouter(prefix="/batches", tags=["batches"], route_class=BoundedRoute)


@router.post("")
async def post_batch(
    wanted: BatchCreate,
    request: Request,
    gateway: TheGateway,
    hint: TheHint,
    key: Annotated[IdempotencyKey | None, Header(alias="idempotency-key")] = None,
) -> BatchObject:
    """Create a batch from an uploaded file. With an idempotency key, a repeat returns the same batch.

    It shows the same webhook secret too, as its client may never have got the first answer.
    """
    provider = hint.with_field(wanted.custom_llm_provider)
    batch, webhook = await create_batch(
        wanted.model_copy(update={FIELD: provider}),
        gateway,
        idempotency_key=idempotency_key(wanted, key),
        request_id=request.state.request_id,
        key_label=key_label(request),
    )
    made_here = wanted.webhook is not None and wanted.webhook.secret is None
    return _shown(batch, gateway, webhook=webhook, show_secret=made_here)


@router.get("")
async def list_batches(
    gateway: TheGateway,
    *,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> BatchList:
    """List batches, the newest first."""
    page = await gateway.catalog.list_batches(project=DEFAULT_PROJECT, after=after, limit=limit)
    return BatchList.of(Page([_shown(batch, gateway) for batch in page.items], page.has_more))


@router.get("/{batch_id}")
async def get_batch(batch_id: str, gateway: TheGateway) -> BatchObject:
    """Say how a batch is going, and which jobs its providers run for it."""
    found = await gateway.catalog.batch_in_detail(batch_id, project=DEFAULT_PROJECT, jobs=SHOWN_JOBS)
    return _shown(found.batch, gateway, jobs=found.jobs, webhook=found.webhook)


@router.post("/{batch_id}/cancel")
async def post_cancel(batch_id: str, gateway: TheGateway) -> BatchObject:
    """Cancel a batch. What is answered by then is kept and delivered."""
    return _shown(await cancel_batch(batch_id, gateway), gateway)


def _shown(
    batch: Batch,
    gateway: Gateway,
    *,
    jobs: Sequence[BatchJob] = (),
    webhook: WebhookEndpoint | None = None,
    show_secret: bool = False,
) -> BatchObject:
    settings = gateway.settings
    provider = provider_of(batch, settings)
    shown = BatchWebhookDetails.of(webhook, show_secret=show_secret) if webhook else None
    return BatchObject.of(explained(batch, settings), provider=provider, jobs=jobs, webhook=shown)
