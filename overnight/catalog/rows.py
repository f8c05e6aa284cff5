"""Rows ↔ domain objects, and nothing else."""

from dataclasses import asdict, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import CTE, RowMapping, Select, Subquery, func, select

from overnight.catalog.tables import progress, waits
from overnight.domain.account import Account
from overnight.domain.batch import Batch, BatchChange, BatchError, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.file import File, FilePurpose
from overnight.domain.job import BatchJob, BegunJob
from overnight.domain.status import BatchStatus
from overnight.domain.upload import Upload, UploadPart, UploadStatus
from overnight.domain.usage import Counts, Usage

ENDED = tuple(status.value for status in BatchStatus if status.ended)
RUNNING = tuple(status.value for status in BatchStatus if not status.ended)
"""What an index finds: it can't tell what is not in it."""
DELIVERED = tuple(status.value for status in BatchStatus if status.delivered)
ENDS = tuple(f"{status}_at" for status in ENDED)
"""The columns that say when a batch has ended, of which one is filled in then."""


def from_file(file: File) -> dict[str, Any]:
    """Return the columns of a file's row."""
    return {
        "id": file.id,
        "project": file.project,
        "filename": file.filename,
        "purpose": file.purpose.value,
        "bytes": file.bytes,
        "key": file.key,
        "provider": file.provider,
        "batch_id": file.batch_id,
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
        provider=row["provider"],
        batch_id=row["batch_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def from_upload(upload: Upload) -> dict[str, Any]:
    """Return the columns of the row of an upload that has just been asked for."""
    return {
        "id": upload.id,
        "project": upload.project,
        "filename": upload.filename,
        "purpose": upload.purpose.value,
        "bytes": upload.bytes,
        "provider": upload.provider,
        "lifetime_seconds": None if upload.lifetime is None else _seconds(upload.lifetime),
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "status": upload.status.value,
        "part_count": 0,
    }


def to_upload(row: RowMapping) -> Upload:
    """Return the upload of a row."""
    lifetime = row["lifetime_seconds"]
    return Upload(
        id=row["id"],
        project=row["project"],
        filename=row["filename"],
        purpose=FilePurpose(row["purpose"]),
        bytes=row["bytes"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        lifetime=None if lifetime is None else timedelta(seconds=lifetime),
        provider=row["provider"],
        status=UploadStatus(row["status"]),
        file_id=row["file_id"],
        part_ids=tuple(row["part_ids"] or ()),
    )


def to_part(row: RowMapping) -> UploadPart:
    """Return the part of a row."""
    return UploadPart(
        id=row["id"], upload_id=row["upload_id"], bytes=row["bytes"], created_at=row["created_at"]
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
        "provider": order.provider,
        "metadata": order.metadata,
        "output_expires_after_seconds": None if expires_after is None else _seconds(expires_after),
        "parameters_hash": order.parameters_hash,
        "request_id": order.request_id,
        "api_key": order.key,
        "max_cost": None if order.max_cost is None else f"{order.max_cost:f}",
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
        provider=row["provider"],
        metadata=row["metadata"],
        output_expires_after=None if expires_after is None else timedelta(seconds=expires_after),
        parameters_hash=row["parameters_hash"],
        request_id=row["request_id"],
        key=row["api_key"],
        max_cost=None if row["max_cost"] is None else Decimal(row["max_cost"]),
    )


def from_change(change: BatchChange) -> dict[str, Any]:
    """Return the columns that a batch's workflow writes."""
    return {
        "revision": change.revision,
        "status": change.status.value,
        **asdict(change.stamps),
        **asdict(change.counts),
        # Without zeros, so that a process of the version before reads what it knows of.
        "usage": None if change.usage is None else change.usage.reported(),
        "model": change.model,
        "cost": None if change.cost is None else f"{change.cost:f}",
        "account": None if change.account is None else msgspec.to_builtins(change.account),
        "receipt_file_id": change.receipt_file_id,
        "output_file_id": change.output_file_id,
        "error_file_id": change.error_file_id,
        "errors": [asdict(error) for error in change.errors] or None,
        "errors_total": change.errors_total,
        "deployments": change.deployments or None,
        "warnings": change.warnings or None,
        "requested_model": change.requested_model,
        "approximated_input": change.approximated_input,
        # What is written after a sweep may be the start of a new run, which leaves things behind too.
        "swept_at": None,
    }


def with_progress(chosen: Select[Any]) -> Select[Any]:
    """Select what `chosen` does of the batches, newest first, each with what its steps have reported.

    One statement, so that progress which goes when its batch ends does not go unseen; and one that looks
    at the progress of the chosen batches only, since that of all of them can be long.
    """
    page = chosen.cte("page")
    chunks, steps = _of_chunks(page), _of_steps(page)
    waiting_on = func.coalesce(steps.c.waiting_on, chunks.c.waiting_on).label("waiting_on")
    sums = (chunks.c.completed_so_far, chunks.c.failed_so_far, chunks.c.tokens_so_far)
    joined = page.outerjoin(chunks, chunks.c.batch_id == page.c.id).outerjoin(
        steps, steps.c.batch_id == page.c.id
    )
    newest_first = (page.c.created_at.desc(), page.c.id.desc())
    return select(page, *sums, waiting_on).select_from(joined).order_by(*newest_first)


def _of_chunks(page: CTE) -> Subquery:
    return (
        select(
            progress.c.batch_id,
            func.sum(progress.c.completed).label("completed_so_far"),
            func.sum(progress.c.failed).label("failed_so_far"),
            func.sum(progress.c.tokens).label("tokens_so_far"),
            func.max(progress.c.waiting_on).label("waiting_on"),
        )
        .where(progress.c.batch_id.in_(select(page.c.id)))
        .group_by(progress.c.batch_id)
        .subquery("chunks")
    )


def _of_steps(page: CTE) -> Subquery:
    return (
        select(waits.c.batch_id, func.max(waits.c.reason).label("waiting_on"))
        .where(waits.c.batch_id.in_(select(page.c.id)))
        .group_by(waits.c.batch_id)
        .subquery("steps")
    )


def to_batch(row: RowMapping) -> Batch:
    """Return the batch of a row that `with_progress` selected."""
    status = BatchStatus(row["status"])
    return Batch(
        order=to_order(row),
        status=status,
        stamps=Stamps(**{name: row[name] for name in Stamps.__slots__}),
        counts=_counts(row, ended=status.ended),
        usage=None if row["usage"] is None else Usage(**row["usage"]),
        model=row["model"],
        cost=None if row["cost"] is None else Decimal(row["cost"]),
        account=None if row["account"] is None else msgspec.convert(row["account"], Account),
        receipt_file_id=row["receipt_file_id"],
        output_file_id=row["output_file_id"],
        error_file_id=row["error_file_id"],
        errors=tuple(BatchError(**error) for error in row["errors"] or ()),
        errors_total=row["errors_total"],
        deployments=tuple(row["deployments"] or ()),
        warnings=tuple(row["warnings"] or ()),
        revision=row["revision"],
        cancel_requested_at=row["cancel_requested_at"],
        tokens_so_far=int(row["tokens_so_far"] or 0),
        waiting_on=None if status.ended else row["waiting_on"],
    )


def from_job(job: BatchJob) -> dict[str, Any]:
    """Return the columns of a job's row, but for its times."""
    return {**asdict(job), "status": job.status.value}


def to_job(row: RowMapping) -> BatchJob:
    """Return the job of a row."""
    columns = {each.name: row[each.name] for each in fields(BatchJob)}
    return BatchJob(**{**columns, "status": BatchStatus(row["status"])})


def to_begun_job(row: RowMapping) -> BegunJob:
    """Return the job that a shard has begun."""
    return BegunJob(**row)


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
