"""`GET /v1/batches/{id}/receipt`: what every request of a batch came to, streamed as it lies in storage."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.cost_schemas import CostObject
from api.gateway import DEFAULT_PROJECT, Gateway, TheGateway
from api.schemas import BatchUsage, RequestCounts
from api.tables import as_csv
from overnight.domain.account import Account
from overnight.domain.batch import Batch
from overnight.domain.errors import NoReceipt
from overnight.domain.presenting import content_disposition
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Usage
from overnight.outcomes.receipt_line import ReceiptLine, encode_lines
from overnight.receipts import read_receipt

router = APIRouter(prefix="/batches", tags=["batches"])


class ReceiptFormat(StrEnum):
    """As what a receipt is wanted. The lines alone come as JSONL or CSV."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


_MEDIA_TYPES = {
    ReceiptFormat.JSON: "application/json",
    ReceiptFormat.NDJSON: "application/x-ndjson",
    ReceiptFormat.CSV: "text/csv; charset=utf-8",
}
_COLUMNS = tuple(name for name in ReceiptLine.__struct_fields__ if name != "tokens")
_TOKENS = tuple(f"{name}_tokens" for name in Usage.__slots__)


class ReceiptObject(BaseModel):
    """A receipt without its lines, which follow it under `lines`."""

    object: Literal["batch.receipt"] = "batch.receipt"
    batch_id: str
    status: str
    endpoint: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    receipt_file_id: str | None = Field(description="The lines as a file; null where there are none.")
    request_counts: RequestCounts
    usage: BatchUsage
    cost: CostObject


@router.get("/{batch_id}/receipt", response_class=StreamingResponse)
async def get_receipt(
    batch_id: str,
    gateway: TheGateway,
    *,
    format: ReceiptFormat = ReceiptFormat.JSON,  # noqa: A002 - its name on the wire
) -> StreamingResponse:
    """Return what every request of a batch that has ended came to, and what all of them cost together."""
    batch = await gateway.catalog.batch(batch_id, project=DEFAULT_PROJECT)
    lines = await _lines(batch, gateway)
    match format:
        case ReceiptFormat.JSON:
            content = _as_json(_head(batch), lines)
        case ReceiptFormat.NDJSON:
            content = _as_jsonl(lines)
        case ReceiptFormat.CSV:
            content = _as_csv(lines)
    filename = f"{batch.order.batch_id}_receipt.{'jsonl' if format is ReceiptFormat.NDJSON else format}"
    headers = {"content-disposition": content_disposition(filename)}
    return StreamingResponse(content, media_type=_MEDIA_TYPES[format], headers=headers)


async def _lines(batch: Batch, gateway: Gateway) -> AsyncIterator[list[ReceiptLine]]:
    """Return the lines of a batch's receipt, some at a time. Raises NoReceipt and UnknownFile."""
    if not batch.status.ended:
        raise NoReceipt(f"Batch {batch.order.batch_id} has not ended yet; its receipt is made in the end.")
    if batch.receipt_file_id is None:
        if batch.counts.done or batch.counts.total:
            why = "it was given up" if batch.status is BatchStatus.FAILED else "an earlier version has run it"
            raise NoReceipt(f"Batch {batch.order.batch_id} has no receipt: {why}.")
        return _nothing()
    now = gateway.clock()
    file = await gateway.catalog.file(batch.receipt_file_id, project=batch.order.project, now=now)
    await gateway.storage.size(file.key)
    return read_receipt(gateway.storage.get(file.key))


async def _nothing() -> AsyncIterator[list[ReceiptLine]]:
    return
    yield []


def _head(batch: Batch) -> ReceiptObject:
    account = batch.account or Account()
    counts = batch.counts
    return ReceiptObject(
        batch_id=batch.order.batch_id,
        status=batch.status.value,
        endpoint=batch.order.endpoint.value,
        input_file_id=batch.order.input_file_id,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        receipt_file_id=batch.receipt_file_id,
        request_counts=RequestCounts(total=counts.total, completed=counts.completed, failed=counts.failed),
        usage=BatchUsage.of(account.usage),
        cost=CostObject.of(account),
    )


async def _as_json(head: ReceiptObject, slabs: AsyncIterator[list[ReceiptLine]]) -> AsyncIterator[bytes]:
    yield head.model_dump_json().encode().removesuffix(b"}") + b',"lines":['
    between = b""
    async for lines in slabs:
        yield between + encode_lines(lines).rstrip(b"\n").replace(b"\n", b",\n")
        between = b",\n"
    yield b"]}"


async def _as_jsonl(slabs: AsyncIterator[list[ReceiptLine]]) -> AsyncIterator[bytes]:
    async for lines in slabs:
        yield encode_lines(lines)


async def _as_csv(slabs: AsyncIterator[list[ReceiptLine]]) -> AsyncIterator[bytes]:
    yield as_csv([[*_COLUMNS, *_TOKENS]]).encode()
    async for lines in slabs:
        yield as_csv(_cells(line) for line in lines).encode()


def _cells(line: ReceiptLine) -> list[object]:
    told = [line.tier if name == "service_tier" else getattr(line, name) for name in _COLUMNS]
    return [*told, *(line.tokens.get(name.removesuffix("_tokens"), 0) for name in _TOKENS)]
