"""A batch: what the client asked for, and the picture of how it is going."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from overnight.domain.account import Account
from overnight.domain.endpoint import Endpoint
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage

COMPLETION_WINDOWS = {"24h": timedelta(hours=24)}
"""The completion windows a client may ask for; OpenAI knows one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What a client asked for. Everything the batch's story starts from; it holds no secret.

    With a `provider` only its deployments may run the batch. `key` is a label of the API key that it came
    with, of which nothing can be told. `max_cost` is in US dollars. `again` says that
    its story may have been told before, and was broken off.
    """

    batch_id: str
    project: str
    input_file_id: str
    endpoint: Endpoint
    completion_window: str
    window: timedelta
    created_at: datetime
    provider: str | None = None
    metadata: dict[str, str] | None = None
    output_expires_after: timedelta | None = None
    parameters_hash: str = ""
    request_id: str = ""
    key: str | None = None
    max_cost: Decimal | None = None
    again: bool = False

    @property
    def expires_at(self) -> datetime:
        """When the completion window ends."""
        return self.created_at + self.window


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchError:
    """One entry of a failed batch's `errors.data`. `line` is 1-based."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """When a batch reached each status it has been in; None where it has not."""

    in_progress_at: datetime | None = None
    finalizing_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    expired_at: datetime | None = None
    cancelling_at: datetime | None = None
    cancelled_at: datetime | None = None

    def of(self, status: BatchStatus) -> datetime | None:
        """Return when the batch has reached a status; nobody notes when it was `validating`."""
        at: datetime | None = getattr(self, f"{status.value}_at", None)
        return at


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChange:
    """What a workflow says about its batch. It is the whole picture, not a difference.

    `requested_model` is what its lines call their model, and `approximated_input` how many tokens they were
    taken for before anybody counted them.
    """

    revision: int
    status: BatchStatus
    stamps: Stamps = field(default_factory=Stamps)
    counts: Counts = field(default_factory=Counts)
    usage: Usage | None = None
    model: str | None = None
    cost: Decimal | None = None
    account: Account | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    receipt_file_id: str | None = None
    errors: tuple[BatchError, ...] = ()
    errors_total: int = 0
    deployments: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    requested_model: str | None = None
    approximated_input: int | None = None

    def with_errors(self, errors: tuple[BatchError, ...]) -> "BatchChange":
        """Return the same picture with these errors in it."""
        return replace(self, errors=errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The picture of a batch that HTTP reads: one row of the catalog, progress included.

    `cost` is in US dollars and None while unknown, `account` what it is made of; `waiting_on` says, for
    people, why lines are not moving just now; `errors_total` can exceed `len(errors)`, which is capped;
    `deployments` are the ids of those that its lines are for, once its input was read; `warnings` are for
    people, a sentence or two each.
    """

    order: BatchOrder
    status: BatchStatus
    stamps: Stamps = field(default_factory=Stamps)
    counts: Counts = field(default_factory=Counts)
    usage: Usage | None = None
    model: str | None = None
    cost: Decimal | None = None
    account: Account | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    receipt_file_id: str | None = None
    errors: tuple[BatchError, ...] = ()
    errors_total: int = 0
    deployments: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    revision: int = 0
    cancel_requested_at: datetime | None = None
    tokens_so_far: int = 0
    waiting_on: str | None = None

    @property
    def shown_status(self) -> BatchStatus:
        """The status a client sees: a requested cancel shows before the workflow has acted on it."""
        if self.cancel_requested_at and not self.status.ended:
            return BatchStatus.CANCELLING
        return self.status
