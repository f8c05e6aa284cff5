"""Webhooks to clients: who wants to hear of batches, what they are told, and how telling them goes."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from overnight.domain import ids
from overnight.domain.status import BatchStatus

MAX_ENDPOINTS = 50
"""How many endpoints a project may have, beside those of single batches."""

KEPT_ATTEMPTS = 20
"""How many attempts of a delivery are remembered, the last ones; all of them are counted."""

OLD_SECRET_LIFETIME = timedelta(hours=24)
"""How long a secret goes on signing after it was replaced, where its owner wants that."""

_HINT = 4


class EventType(StrEnum):
    """What can be told of a batch, in OpenAI's words: how it has ended."""

    COMPLETED = "batch.completed"
    FAILED = "batch.failed"
    EXPIRED = "batch.expired"
    CANCELLED = "batch.cancelled"

    @classmethod
    def of(cls, status: BatchStatus) -> "EventType":
        """Return what is told of a batch that has ended so."""
        return cls(f"batch.{status.value}")


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """Where somebody wants to hear of batches: of all of a project, or with a `batch_id` of that one.

    `secret` signs what is sent there, and until `old_secret_until` the one before does so too. One that has a
    `disabled_at` is sent nothing until it is changed.
    """

    id: str
    project: str
    name: str
    url: str = field(repr=False)
    event_types: tuple[EventType, ...]
    secret: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    batch_id: str | None = None
    old_secret: str | None = field(default=None, repr=False)
    old_secret_until: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def secret_hint(self) -> str:
        """As much of the secret as tells it from another."""
        return f"whsec_…{self.secret[-_HINT:]}"

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return every secret that signs at `now`, the newest first."""
        if self.old_secret and self.old_secret_until and now < self.old_secret_until:
            return self.secret, self.old_secret
        return (self.secret,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a batch. What is told of it is the same however often that is."""

    id: str
    type: EventType
    batch_id: str
    occurred_at: datetime

    @classmethod
    def of(cls, event_type: EventType, batch_id: str, *, at: datetime) -> "Event":
        """Return what happened to a batch."""
        event_id = ids.event_id(batch_id, event_type.value)
        return cls(id=event_id, type=event_type, batch_id=batch_id, occurred_at=at)

    @property
    def body(self) -> str:
        """The event as OpenAI writes it."""
        told = {
            "id": self.id,
            "object": "event",
            "created_at": int(self.occurred_at.timestamp()),
            "type": self.type.value,
            "data": {"id": self.batch_id},
        }
        return json.dumps(told, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver an event: what was answered, or in one word why nothing was."""

    at: datetime
    duration: timedelta
    status_code: int | None = None
    error: str | None = None

    @property
    def outcome(self) -> str:
        """What came of it, for people."""
        return self.error or f"HTTP {self.status_code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint. Its id is the same in every attempt.

    `attempts` are the last ones of `attempts_total`; `next_try_at` is None when there will be none, or when
    nobody has taken it up yet.
    """

    id: str
    endpoint_id: str
    project: str
    event: Event
    created_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: tuple[Attempt, ...] = ()
    attempts_total: int = 0
    next_try_at: datetime | None = None

    @classmethod
    def of(cls, event: Event, endpoint: WebhookEndpoint, *, now: datetime) -> "Delivery":
        """Return the delivery of an event to an endpoint, before anybody has tried."""
        return cls(
            id=ids.delivery_id(event.id, endpoint.id),
            endpoint_id=endpoint.id,
            project=endpoint.project,
            event=event,
            created_at=now,
        )

    @property
    def workflow_id(self) -> str:
        """What the workflow that sees it through is called."""
        return f"{self.event.batch_id}/{self.id}"
