"""OpenAI's Batches API: create, look at, list, cancel."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from api.cancellation import cancel_batch
from api.creation import create_batch, idempotency_key
from api.gateway import DEFAULT_PROJECT, TheGateway
from api.json_route import BoundedRoute
from api.requests import BatchCreate, IdempotencyKey
from api.schemas import BatchList, BatchObject

router = APIRouter(prefix="/batches", tags=["batches"], route_class=BoundedRoute)


@router.post("")
async def post_batch(
    wanted: BatchCreate,
    request: Request,
    gateway: TheGateway,
    key: Annotated[IdempotencyKey | None, Header(alias="idempotency-key")] = None,
) -> BatchObject:
    """Create a batch from an uploaded file. With an idempotency key, a repeat returns the same batch."""
    batch = await create_batch(
        wanted,
        gateway,
        idempotency_key=idempotency_key(wanted, key),
        request_id=request.state.request_id,
    )
    return BatchObject.of(batch)


@router.get("")
async def list_batches(
    gateway: TheGateway,
    *,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> BatchList:
    """List batches, the newest first."""
    page = await gateway.catalog.list_batches(project=DEFAULT_PROJECT, after=after, limit=limit)
    return BatchList.of(page)


@router.get("/{batch_id}")
async def get_batch(batch_id: str, gateway: TheGateway) -> BatchObject:
    """Say how a batch is going."""
    return BatchObject.of(await gateway.catalog.batch(batch_id, project=DEFAULT_PROJECT))


@router.post("/{batch_id}/cancel")
async def post_cancel(batch_id: str, gateway: TheGateway) -> BatchObject:
    """Cancel a batch. What is answered by then is kept and delivered."""
    return BatchObject.of(await cancel_batch(batch_id, gateway))
