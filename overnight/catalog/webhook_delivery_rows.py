"""The rows of deliveries: made in the very transaction that writes how a batch has ended.

So there is no moment in which a batch has ended and nobody is owed to hear of it, whoever writes that row.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from overnight.catalog.connections import Connections, Page, place_of
from overnight.catalog.rows import RUNNING
from overnight.catalog.tables import batches, webhook_deliveries, webhook_endpoints
from overnight.catalog.webhook_endpoint_rows import own_endpoint, to_endpoint
from overnight.domain.batch import BatchChange
from overnight.domain.errors import UnknownWebhookEndpoint
from overnight.domain.webhook import (
    KEPT_ATTEMPTS,
    Attempt,
    Delivery,
    DeliveryStatus,
    Event,
    EventType,
    WebhookEndpoint,
)

_MICROSECOND = timedelta(microseconds=1)
_PENDING = DeliveryStatus.PENDING.value

_columns = webhook_deliveries.c


class WebhookDeliveryRows(Connections):
    """Reads and writes the rows of deliveries."""

    async def pending_deliveries(self, batch_id: str) -> list[Delivery]:
        """Return what is still to be told of a batch."""
        query = select(webhook_deliveries).where(_columns.batch_id == batch_id, _columns.status == _PENDING)
        async with self._reading() as connection:
            return _deliveries((await connection.execute(query)).mappings())

    async def overlooked_deliveries(self, *, created_by: datetime, limit: int) -> list[Delivery]:
        """Return deliveries that nobody has taken up since then."""
        query = select(webhook_deliveries).where(
            _columns.status == _PENDING,
            _columns.next_try_at.is_(None),
            _columns.created_at <= created_by,
        )
        query = query.order_by(_columns.created_at).limit(limit)
        async with self._reading() as connection:
            return _deliveries((await connection.execute(query)).mappings())

    async def delivery(self, delivery_id: str) -> tuple[Delivery, WebhookEndpoint] | None:
        """Return a delivery and its endpoint; None if the endpoint, and so the delivery, is gone."""
        this = select(webhook_deliveries).where(_columns.id == delivery_id)
        async with self._reading() as connection:
            row = (await connection.execute(this)).mappings().first()
            if row is None:
                return None
            query = select(webhook_endpoints).where(webhook_endpoints.c.id == row["endpoint_id"])
            endpoint = (await connection.execute(query)).mappings().first()
        return None if endpoint is None else (_to_delivery(row), to_endpoint(endpoint))

    async def list_deliveries(
        self, endpoint_id: str, *, project: str, after: str | None = None, limit: int = 20
    ) -> Page[Delivery]:
        """Return up to `limit` deliveries to an endpoint, newest first. Raises UnknownWebhookEndpoint."""
        endpoint = select(webhook_endpoints.c.id).where(
            webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.project == project
        )
        query = select(webhook_deliveries).where(_columns.endpoint_id == endpoint_id).limit(limit + 1)
        query = query.order_by(_columns.created_at.desc(), _columns.id.desc())
        async with self._reading() as connection:
            if (await connection.execute(endpoint)).first() is None:
                raise UnknownWebhookEndpoint(endpoint_id)
            if after is not None:
                cursor = await place_of(connection, webhook_deliveries, after, project)
                query = query.where(tuple_(_columns.created_at, _columns.id) < cursor)
            found = (await connection.execute(query)).mappings().all()
        return Page(_deliveries(found[:limit]), len(found) > limit)

    async def note_attempt(
        self, delivery_id: str, attempt: Attempt, *, status: DeliveryStatus, next_try_at: datetime | None
    ) -> None:
        """Write down what came of an attempt, and what comes next.

        One that another attempt has settled stays as it is, unless this attempt has delivered it.
        """
        this = _columns.id == delivery_id
        async with self._writing() as connection:
            found = await connection.execute(select(webhook_deliveries).where(this).with_for_update())
            row = found.mappings().first()
            if row is None:
                return
            attempts = [*row["attempts"], _from_attempt(attempt)][-KEPT_ATTEMPTS:]
            changes = {"attempts": attempts, "attempts_total": row["attempts_total"] + 1}
            if row["status"] == _PENDING or status is DeliveryStatus.DELIVERED:
                changes |= {"status": status.value, "next_try_at": next_try_at}
            await connection.execute(update(webhook_deliveries).where(this).values(**changes))

    async def put_off_delivery(self, delivery_id: str, *, until: datetime) -> None:
        """Note that a delivery waits, without an attempt."""
        this = (_columns.id == delivery_id, _columns.status == _PENDING)
        async with self._writing() as connection:
            await connection.execute(update(webhook_deliveries).where(*this).values(next_try_at=until))

    async def give_up_delivery(self, delivery_id: str) -> None:
        """Note that a delivery which nobody has taken will not be tried again."""
        this = (_columns.id == delivery_id, _columns.status == _PENDING)
        failed = {"status": DeliveryStatus.FAILED.value, "next_try_at": None}
        async with self._writing() as connection:
            await connection.execute(update(webhook_deliveries).where(*this).values(**failed))

    async def forget_deliveries(self, *, created_by: datetime) -> None:
        """Forget deliveries that are so old, and endpoints of batches that have nothing more to tell."""
        old = self._in_order(_columns.id, _columns.created_at <= created_by)
        async with self._writing() as connection:
            await connection.execute(delete(webhook_deliveries).where(old))
        # By itself: whoever deletes an endpoint deletes its deliveries next, and would wait for us in vain.
        done = self._in_order(
            webhook_endpoints.c.id,
            webhook_endpoints.c.batch_id.is_not(None),
            webhook_endpoints.c.created_at <= created_by,
            ~select(batches.c.id)
            .where(batches.c.id == webhook_endpoints.c.batch_id, batches.c.status.in_(RUNNING))
            .exists(),
            ~select(_columns.id).where(_columns.endpoint_id == webhook_endpoints.c.id).exists(),
        )
        async with self._writing() as connection:
            await connection.execute(delete(webhook_endpoints).where(done))


async def plan_deliveries(
    connection: AsyncConnection, batch_id: str, change: BatchChange, *, project: str, parameters_hash: str
) -> None:
    """Write down who is to hear how a batch has ended. Nothing is written twice."""
    event_type = EventType.of(change.status)
    at: datetime = getattr(change.stamps, f"{change.status.value}_at")
    event = Event.of(event_type, batch_id, at=at)
    wanting = select(webhook_endpoints).where(
        webhook_endpoints.c.project == project,
        webhook_endpoints.c.batch_id.is_(None) | (webhook_endpoints.c.batch_id == batch_id),
    )
    # Held until they are written: an endpoint that is deleted meanwhile takes its deliveries along.
    wanting = wanting.order_by(webhook_endpoints.c.id).with_for_update(read=True, key_share=True)
    found = [to_endpoint(row) for row in (await connection.execute(wanting)).mappings()]
    own = own_endpoint(found, batch_id, parameters_hash)
    endpoints = [each for each in found if (each.batch_id is None or each is own) and not each.disabled_at]
    new = [Delivery.of(event, each, now=at) for each in endpoints if event_type in each.event_types]
    if not new:
        return
    known = select(_columns.id).where(_columns.id.in_([each.id for each in new]))
    planned = set((await connection.execute(known)).scalars())
    rows = [_from_delivery(each) for each in new if each.id not in planned]
    if rows:
        await connection.execute(insert(webhook_deliveries), rows)


def _from_delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "project": delivery.project,
        "batch_id": delivery.event.batch_id,
        "event_type": delivery.event.type.value,
        "occurred_at": delivery.event.occurred_at,
        "created_at": delivery.created_at,
        "status": delivery.status.value,
        "attempts": [],
        "attempts_total": 0,
    }


def _deliveries(found: Iterable[RowMapping]) -> list[Delivery]:
    return [_to_delivery(row) for row in found]


def _to_delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        project=row["project"],
        event=Event.of(EventType(row["event_type"]), row["batch_id"], at=row["occurred_at"]),
        created_at=row["created_at"],
        status=DeliveryStatus(row["status"]),
        attempts=tuple(_to_attempt(each) for each in row["attempts"]),
        attempts_total=row["attempts_total"],
        next_try_at=row["next_try_at"],
    )


def _from_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.at.isoformat(),
        "microseconds": attempt.duration // _MICROSECOND,
        "status_code": attempt.status_code,
        "error": attempt.error,
    }


def _to_attempt(kept: dict[str, Any]) -> Attempt:
    return Attempt(
        at=datetime.fromisoformat(kept["at"]),
        duration=kept["microseconds"] * _MICROSECOND,
        status_code=kept["status_code"],
        error=kept["error"],
    )
