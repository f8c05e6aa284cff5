"""Rows ↔ domain objects, and nothing else."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, Select, func, select

from overnight.catalog.tables import batches, progress
from overnight.domain.batch import Batch, BatchChange, BatchError, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.file import File, FilePurpose
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage


def from_file(file: File) -> dict[str, Any]:
    """Return the columns of a file's row."""
    return {
        "id": file.id,
        "project": file.project,
        "filename": file.filename,
        "purpose": file.purpose.value,
        "bytes": file.bytes,
        "key": file.key,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
    }


def to_file(row: RowMapping) -> File:
    """Return the file of a row."""
    return File(
        id=row["id"],
        project=row["project"],
        filename=row["filename"],
        purpose=FilePurpose(row["purpose"]),
        bytes=row["bytes"],
        key=row["key"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def from_order(order: BatchOrder) -> dict[str, Any]:
    """Return the columns of the row of a batch that has just been asked for."""
    expires_after = order.output_expires_after
    return {
        "id": order.batch_id,
        "project": order.project,
        "input_file_id": order.input_file_id,
        "endpoint": order.endpoint.value,
        "completion_window": order.completion_window,
        "window_seconds": _seconds(order.window),
        "metadata": order.metadata,
        "output_expires_after_seconds": None if expires_after is None else _seconds(expires_after),
        "parameters_hash": order.parameters_hash,
        "request_id": order.request_id,
        "created_at": order.created_at,
        "status": BatchStatus.VALIDATING.value,
        "revision": 0,
        "total": 0,
        "completed": 0,
        "failed": 0,
        "errors_total": 0,
    }


def to_order(row: RowMapping) -> BatchOrder:
    """Return what the client asked for."""
    expires_after = row["output_expires_after_seconds"]
    return BatchOrder(
        batch_id=row["id"],
        project=row["project"],
        input_file_id=row["input_file_id"],
        endpoint=Endpoint(row["endpoint"]),
        completion_window=row["completion_window"],
        window=timedelta(seconds=row["window_seconds"]),
        created_at=row["created_at"],
        metadata=row["metadata"],
        output_expires_after=None if expires_after is None else timedelta(seconds=expires_after),
        parameters_hash=row["parameters_hash"],
        request_id=row["request_id"],
    )


def from_change(change: BatchChange) -> dict[str, Any]:
    """Return the columns that a batch's workflow writes."""
    return {
        "revision": change.revision,
        "status": change.status.value,
        **asdict(change.stamps),
        **asdict(change.counts),
        "usage": None if change.usage is None else asdict(change.usage),
        "model": change.model,
        "cost": None if change.cost is None else str(change.cost),
        "output_file_id": change.output_file_id,
        "error_file_id": change.error_file_id,
        "errors": [asdict(error) for error in change.errors] or None,
        "errors_total": change.errors_total,
    }


def batches_with_progress() -> Select[Any]:
    """Select batches, each with the sum of what its chunks have reported."""
    reported = (
        select(
            progress.c.batch_id,
            func.sum(progress.c.completed).label("completed_so_far"),
            func.sum(progress.c.failed).label("failed_so_far"),
            func.sum(progress.c.tokens).label("tokens_so_far"),
            func.max(progress.c.waiting_on).label("waiting_on"),
        )
        .group_by(progress.c.batch_id)
        .subquery()
    )
    columns = [column for column in reported.c if column.name != "batch_id"]
    return select(batches, *columns).outerjoin(reported, reported.c.batch_id == batches.c.id)


def to_batch(row: RowMapping) -> Batch:
    """Return the batch of a row that `batches_with_progress` selected."""
    status = BatchStatus(row["status"])
    return Batch(
        order=to_order(row),
        status=status,
        stamps=Stamps(**{name: row[name] for name in Stamps.__slots__}),
        counts=_counts(row, ended=status.ended),
        usage=None if row["usage"] is None else Usage(**row["usage"]),
        model=row["model"],
        cost=None if row["cost"] is None else Decimal(row["cost"]),
        output_file_id=row["output_file_id"],
        error_file_id=row["error_file_id"],
        errors=tuple(BatchError(**error) for error in row["errors"] or ()),
        errors_total=row["errors_total"],
        cancel_requested_at=row["cancel_requested_at"],
        tokens_so_far=row["tokens_so_far"] or 0,
        waiting_on=None if status.ended else row["waiting_on"],
    )


def _counts(row: RowMapping, *, ended: bool) -> Counts:
    # Once a batch has ended its row is exact, and a straggler's progress no longer counts.
    if ended:
        return Counts(row["total"], row["completed"], row["failed"])
    return Counts(
        row["total"],
        max(row["completed"], row["completed_so_far"] or 0),
        max(row["failed"], row["failed_so_far"] or 0),
    )


def _seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)
