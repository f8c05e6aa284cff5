"""What goes out over the wire: OpenAI's objects, key for key, made from the domain's.

Nullable keys are always there, as null, and times are whole seconds since 1970.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from api.cost_schemas import CostObject
from api.page_schemas import Listed, PageObject
from overnight.catalog import Page
from overnight.domain.batch import Batch, BatchError
from overnight.domain.file import BatchFileKind, File
from overnight.domain.ids import output_file_id
from overnight.domain.job import BatchJob
from overnight.domain.price import usd_told
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage
from overnight.domain.webhook import WebhookEndpoint


class FileObject(Listed):
    """OpenAI's File object."""

    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"] = Field("processed", deprecated=True)
    status_details: str | None = Field(None, deprecated=True)

    @classmethod
    def of(cls, file: File) -> Self:
        """Return the object of one row."""
        return cls(
            id=file.id,
            bytes=file.bytes,
            created_at=int(file.created_at.timestamp()),
            expires_at=_seconds(file.expires_at),
            filename=file.filename,
            purpose=file.purpose.value,
        )


class FileList(PageObject[FileObject]):
    """One page of files."""

    @classmethod
    def of(cls, page: Page[File]) -> Self:
        """Return the list of one page of rows."""
        return cls.holding([FileObject.of(file) for file in page.items], has_more=page.has_more)


class FileDeleted(BaseModel):
    """What is said of a file that was deleted."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class BatchErrorObject(BaseModel):
    """One thing wrong with a batch's input; `line` is 1-based."""

    code: str
    message: str
    param: str | None
    line: int | None


class BatchErrorList(BaseModel):
    """What is wrong with a batch's input, in line order, up to a bound (see `overnight.errors_file_id`)."""

    object: Literal["list"] = "list"
    data: list[BatchErrorObject]


class RequestCounts(BaseModel):
    """How many requests a batch has, and how many were answered well or badly so far."""

    total: int
    completed: int
    failed: int


class InputTokensDetails(BaseModel):
    """The part of the input tokens that the provider had cached."""

    cached_tokens: int


class OutputTokensDetails(BaseModel):
    """The part of the output tokens that the model used to think."""

    reasoning_tokens: int


class BatchUsage(BaseModel):
    """Tokens used by all requests of a batch."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """Return the object of a sum of tokens."""
        return cls(
            input_tokens=usage.input,
            input_tokens_details=InputTokensDetails(cached_tokens=usage.cached),
            output_tokens=usage.output,
            output_tokens_details=OutputTokensDetails(reasoning_tokens=usage.reasoning),
            total_tokens=usage.total,
        )


class JobObject(BaseModel):
    """A provider's own batch, which runs a part of one of ours; its `id` is what the provider calls it."""

    provider: str
    deployment: str
    id: str
    status: str

    @classmethod
    def of(cls, job: BatchJob) -> Self:
        """Return the object of one row."""
        return cls(provider=job.provider, deployment=job.deployment, id=job.id, status=job.status.value)


class BatchWebhookDetails(BaseModel):
    """The endpoint that a batch has brought along; its `id` is one of `/v1/webhook_endpoints`."""

    id: str
    url: str
    signing_secret: str | None = Field(
        description="Shown where the batch was created, if it was made here; null in all other answers."
    )
    signing_secret_hint: str

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, *, show_secret: bool = False) -> Self:
        """Return the object of one row."""
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            signing_secret=endpoint.secret if show_secret else None,
            signing_secret_hint=endpoint.secret_hint,
        )


class OvernightDetails(BaseModel):
    """What Overnight says of a batch beyond OpenAI's own fields."""

    provider: str | None = Field(description="Whom the batch is for; null where several may run it.")
    jobs: list[JobObject] | None = Field(
        description="What providers run of the batch, up to a bound; null where they run nothing, and in all "
        "answers but that of `GET /v1/batches/{id}`."
    )
    waiting_on: str | None = Field(description="Why requests are not moving just now, for people to read.")
    errors_total: int = Field(
        description="How many errors there are; `errors.data` has at most the first of them."
    )
    errors_file_id: str | None = Field(
        description="The file that has all errors, one JSON object a line; null where `errors.data` does."
    )
    warnings: list[str] = Field(description="What did not go as it should have, for people to read.")
    cost_usd: str | None = Field(description="What the batch cost, in US dollars; null while it is unknown.")
    cost: CostObject | None = Field(
        description="What the cost is made of; null until the batch has ended, and where it never began."
    )
    receipt_file_id: str | None = Field(description="What every request came to, one JSON object a line.")
    webhook: BatchWebhookDetails | None = Field(
        description="Where it is told how the batch has ended; null without a `webhook`, and in lists."
    )


class BatchObject(Listed):
    """OpenAI's Batch object, and one key more: `overnight`."""

    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None
    errors: BatchErrorList | None
    input_file_id: str
    completion_window: str
    status: str
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsage | None
    metadata: dict[str, str] | None
    overnight: OvernightDetails

    @classmethod
    def of(
        cls,
        batch: Batch,
        *,
        provider: str | None = None,
        jobs: Sequence[BatchJob] = (),
        webhook: BatchWebhookDetails | None = None,
    ) -> Self:
        """Return the object of one row, its progress and, where somebody has looked, its jobs."""
        order, stamps = batch.order, batch.stamps
        return cls(
            id=order.batch_id,
            endpoint=order.endpoint.value,
            model=batch.model,
            errors=_errors(batch.errors),
            input_file_id=order.input_file_id,
            completion_window=order.completion_window,
            status=batch.shown_status.value,
            output_file_id=batch.output_file_id,
            error_file_id=batch.error_file_id,
            created_at=int(order.created_at.timestamp()),
            in_progress_at=_seconds(stamps.in_progress_at),
            expires_at=int(order.expires_at.timestamp()),
            finalizing_at=_seconds(stamps.finalizing_at),
            completed_at=_seconds(stamps.completed_at),
            failed_at=_seconds(stamps.failed_at),
            expired_at=_seconds(stamps.expired_at),
            cancelling_at=_seconds(_cancelling_at(batch)),
            cancelled_at=_seconds(stamps.cancelled_at),
            request_counts=_request_counts(batch.counts),
            usage=BatchUsage.of(batch.usage) if batch.usage else None,
            metadata=order.metadata,
            overnight=OvernightDetails(
                provider=provider,
                jobs=[JobObject.of(job) for job in jobs] or None,
                waiting_on=batch.waiting_on,
                errors_total=batch.errors_total,
                errors_file_id=_errors_file_id(batch),
                warnings=list(batch.warnings),
                cost_usd=None if batch.cost is None else usd_told(batch.cost),
                cost=CostObject.of(batch.account) if batch.account else None,
                receipt_file_id=batch.receipt_file_id,
                webhook=webhook,
            ),
        )


class BatchList(PageObject[BatchObject]):
    """One page of batches."""

    @classmethod
    def of(cls, page: Page[BatchObject]) -> Self:
        """Return the list of one page of batches."""
        return cls.holding([*page.items], has_more=page.has_more)


class ModelObject(BaseModel):
    """OpenAI's Model object: a name that may stand in `body.model`."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(0, description="Always 0: when a model was made is not known here.")
    owned_by: Literal["overnight"] = "overnight"


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelObject]


class ErrorDetails(BaseModel):
    """What went wrong, in OpenAI's words."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str | None


class ErrorEnvelope(BaseModel):
    """How every error is answered."""

    error: ErrorDetails


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _errors(errors: tuple[BatchError, ...]) -> BatchErrorList | None:
    if not errors:
        return None
    data = [
        BatchErrorObject(code=error.code, message=error.message, param=error.param, line=error.line)
        for error in errors
    ]
    return BatchErrorList(data=data)


def _errors_file_id(batch: Batch) -> str | None:
    cut_short = batch.errors_total > len(batch.errors)
    return output_file_id(batch.order.batch_id, BatchFileKind.PROBLEMS) if cut_short else None


def _request_counts(counts: Counts) -> RequestCounts:
    return RequestCounts(total=counts.total, completed=counts.completed, failed=counts.failed)


def _cancelling_at(batch: Batch) -> datetime | None:
    # A request that came too late for the batch is not part of its life.
    heeded = not batch.status.ended or batch.status is BatchStatus.CANCELLED
    return batch.stamps.cancelling_at or (batch.cancel_requested_at if heeded else None)
