"""An event: what happened to a batch, for whoever keeps logs. Its fields are one schema, with a version.

It holds no prompt, no answer and no key; `docs/logging.md` says what each field means.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from overnight.domain import ids
from overnight.domain.account import Entry
from overnight.domain.batch import Batch
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage

SCHEMA_VERSION = "1.1"
"""A new field makes it 1.2; a field that means something else, or is gone, 2.0."""

STEPS = 4
"""Of how many parts of a batch each but the last is worth a `batch_progress`."""


class EventType(StrEnum):
    """What happened. The first and the last ones are LiteLLM's names for it."""

    CREATED = "acreate_batch"
    SUBMITTED = "batch_submitted"
    PROGRESS = "batch_progress"
    SUCCESS = "batch_success"
    FAILED = "batch_failed"
    EXPIRED = "batch_expired"
    CANCELLED = "batch_cancelled"

    @property
    def status(self) -> BatchStatus:
        """The status that a batch is in when this happens to it."""
        return _STATUSES[self]

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after it."""
        return self.status.ended


_STATUSES = {
    EventType.CREATED: BatchStatus.VALIDATING,
    EventType.SUBMITTED: BatchStatus.IN_PROGRESS,
    EventType.PROGRESS: BatchStatus.IN_PROGRESS,
    EventType.SUCCESS: BatchStatus.COMPLETED,
    EventType.FAILED: BatchStatus.FAILED,
    EventType.EXPIRED: BatchStatus.EXPIRED,
    EventType.CANCELLED: BatchStatus.CANCELLED,
}
_ON_ENTERING = {
    kind.status: kind for kind in EventType if kind not in (EventType.CREATED, EventType.PROGRESS)
}


def event_on_entering(status: BatchStatus) -> EventType | None:
    """Return what has happened to a batch that has just got this status, if that is an event."""
    return _ON_ENTERING.get(status)


def step_of(counts: Counts) -> int:
    """Return how many of the STEPS a batch has done."""
    return counts.done * STEPS // counts.total if counts.total else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """That something has happened to a batch, and when; all that is known of it before anybody looks.

    `step` is how many of the STEPS were done, for a `batch_progress`; 0 for all others.
    """

    batch_id: str
    type: EventType
    at: datetime
    step: int = 0
    counts: Counts = field(default_factory=Counts)
    tokens: int | None = None

    @property
    def event_id(self) -> str:
        """The event's id, the same however often it is told."""
        return ids.event_id(self.batch_id, self.name)

    @property
    def name(self) -> str:
        """What tells it from the batch's others, for people: `batch_progress-2`."""
        return f"{self.type.value}-{self.step}" if self.step else self.type.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Seconds that a batch spent in each stage; None where it has not left it, or was never in it."""

    validating: float | None = None
    in_progress: float | None = None
    finalizing: float | None = None
    cancelling: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Where the prompts and answers of a batch were put: an object beside the event's, so many lines long."""

    object: str
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvent:
    """One event, whole. `usage` and `response_cost` (US dollars) are None before the batch has ended.

    So is `costs`, which is what the cost is made of. `tokens` are those counted so far. `error_code` is the
    first of `errors` reasons why a batch failed.
    """

    id: str
    type: EventType
    at: datetime
    batch_id: str
    project: str
    request_id: str
    status: BatchStatus
    endpoint: str
    provider: str | None
    model: str | None
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: datetime
    counts: Counts
    tokens: int | None = None
    usage: Usage | None = None
    response_cost: Decimal | None = None
    costs: tuple[Entry, ...] | None = None
    durations: Durations = field(default_factory=Durations)
    error_code: str | None = None
    errors: int = 0
    metadata: dict[str, str] | None = None
    content: Content | None = None


def event_of(occurrence: Occurrence, batch: Batch, *, provider: str | None) -> BatchEvent:
    """Return the event. A last one is what the row says; an earlier one what was so at the time.

    A row may be ahead of an event, or say otherwise: a batch that had failed was tried again since. Then
    the occurrence's own counts are all there is.
    """
    final = occurrence.type.is_last and batch.status is occurrence.type.status
    order = batch.order
    return BatchEvent(
        id=occurrence.event_id,
        type=occurrence.type,
        at=occurrence.at,
        batch_id=order.batch_id,
        project=order.project,
        request_id=order.request_id,
        status=occurrence.type.status,
        endpoint=order.endpoint.value,
        provider=provider,
        model=batch.model,
        input_file_id=order.input_file_id,
        output_file_id=batch.output_file_id if final else None,
        error_file_id=batch.error_file_id if final else None,
        created_at=order.created_at,
        counts=batch.counts if final else occurrence.counts,
        tokens=_tokens(occurrence, batch.usage if final else None),
        usage=batch.usage if final else None,
        response_cost=batch.cost if final else None,
        costs=batch.account.entries if final and batch.account else None,
        durations=durations_of(batch, until=occurrence.at, ended=occurrence.type.is_last),
        error_code=batch.errors[0].code if final and batch.errors else None,
        errors=batch.errors_total if final else 0,
        metadata=order.metadata,
    )


def durations_of(batch: Batch, *, until: datetime, ended: bool) -> Durations:
    """Return how long a batch was in each stage, as far as that was known `until` then."""
    stamps = batch.stamps
    end = until if ended else None
    began, ending, cancelling = (
        _before(until, at) for at in (stamps.in_progress_at, stamps.finalizing_at, stamps.cancelling_at)
    )
    return Durations(
        validating=_seconds(batch.order.created_at, began or cancelling or end),
        in_progress=_seconds(began, ending or cancelling or end),
        finalizing=_seconds(ending, cancelling or end),
        cancelling=_seconds(cancelling, end),
        total=_seconds(batch.order.created_at, end),
    )


def _tokens(occurrence: Occurrence, usage: Usage | None) -> int | None:
    return usage.total if usage else occurrence.tokens


def _before(until: datetime, at: datetime | None) -> datetime | None:
    return at if at is not None and at <= until else None


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    if since is None or until is None:
        return None
    # Created by one machine's clock, and told by another's.
    return max((until - since).total_seconds(), 0.0)
