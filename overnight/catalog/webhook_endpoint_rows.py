"""The rows of webhook endpoints: those of a project, and those that single batches bring along."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, bindparam, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from overnight.catalog.connections import Connections, Page, place_of
from overnight.catalog.tables import webhook_deliveries, webhook_endpoints
from overnight.domain.errors import InvalidRequest, UnknownWebhookEndpoint
from overnight.domain.ids import batch_webhook_id, old_batch_webhook_id
from overnight.domain.webhook import MAX_ENDPOINTS, EventType, WebhookEndpoint

_ENDPOINT = select(webhook_endpoints).where(
    webhook_endpoints.c.id == bindparam("one"), webhook_endpoints.c.project == bindparam("its_project")
)
_OF_BATCH = select(webhook_endpoints).where(
    webhook_endpoints.c.id.in_([bindparam("one"), bindparam("old_one")]),
    webhook_endpoints.c.project == bindparam("its_project"),
)


class WebhookEndpointRows(Connections):
    """Reads and writes the rows of endpoints. The secrets in them sign, so they are kept as they are."""

    async def add_webhook_endpoint(self, endpoint: WebhookEndpoint) -> None:
        """Add an endpoint. Raises InvalidRequest when its project has as many as it may have."""
        project = endpoint.project
        counted = _of_project(select(func.count()).select_from(webhook_endpoints), project)
        async with self._writing() as connection:
            await self._one_at_a_time(connection, f"webhook endpoints of {project}")
            if (await connection.execute(counted)).scalar_one() >= MAX_ENDPOINTS:
                message = f"A project has at most {MAX_ENDPOINTS} webhook endpoints."
                raise InvalidRequest(message, code="limit_exceeded")
            await connection.execute(self._insert(webhook_endpoints, from_endpoint(endpoint)))

    async def add_batch_webhook(self, endpoint: WebhookEndpoint) -> bool:
        """Add an endpoint of a batch, or leave the one of that id; say whether it was added."""
        row = self._insert(webhook_endpoints, from_endpoint(endpoint)).on_conflict_do_nothing()
        async with self._writing() as connection:
            return bool((await connection.execute(row)).rowcount)

    async def batch_webhook(
        self, batch_id: str, parameters_hash: str, *, project: str
    ) -> WebhookEndpoint | None:
        """Return the endpoint that a batch of these parameters has brought along, None if it has none."""
        async with self._reading() as connection:
            return await endpoint_of_batch(connection, batch_id, parameters_hash, project=project)

    async def webhook_endpoint(self, endpoint_id: str, *, project: str) -> WebhookEndpoint:
        """Return an endpoint. Raises UnknownWebhookEndpoint."""
        async with self._reading() as connection:
            found = await connection.execute(_ENDPOINT, {"one": endpoint_id, "its_project": project})
            row = found.mappings().first()
        if row is None:
            raise UnknownWebhookEndpoint(endpoint_id)
        return to_endpoint(row)

    async def list_webhook_endpoints(
        self, *, project: str, after: str | None = None, limit: int = 20
    ) -> Page[WebhookEndpoint]:
        """Return up to `limit` endpoints of a project, newest first; not those of single batches."""
        place = tuple_(webhook_endpoints.c.created_at, webhook_endpoints.c.id)
        query = _of_project(select(webhook_endpoints), project).limit(limit + 1)
        query = query.order_by(webhook_endpoints.c.created_at.desc(), webhook_endpoints.c.id.desc())
        async with self._reading() as connection:
            if after is not None:
                query = query.where(place < await place_of(connection, webhook_endpoints, after, project))
            found = (await connection.execute(query)).mappings().all()
        return Page([to_endpoint(row) for row in found[:limit]], len(found) > limit)

    async def change_webhook_endpoint(
        self, endpoint_id: str, changes: Mapping[str, object], *, project: str, now: datetime
    ) -> WebhookEndpoint:
        """Set columns of an endpoint and return it. What is no change leaves `updated_at` alone.

        Raises UnknownWebhookEndpoint.
        """
        this = _this(endpoint_id, project)
        async with self._writing() as connection:
            found = await connection.execute(select(webhook_endpoints).where(*this).with_for_update())
            row = found.mappings().first()
            if row is None:
                raise UnknownWebhookEndpoint(endpoint_id)
            new = {name: value for name, value in changes.items() if row[name] != value}
            if new:
                new["updated_at"] = now
                await connection.execute(update(webhook_endpoints).where(*this).values(**new))
        return to_endpoint({**row, **new})

    async def disable_webhook_endpoint(self, endpoint_id: str, *, now: datetime) -> None:
        """Send an endpoint nothing more, until it is changed."""
        row = (webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.disabled_at.is_(None))
        async with self._writing() as connection:
            await connection.execute(update(webhook_endpoints).where(*row).values(disabled_at=now))

    async def delete_webhook_endpoint(self, endpoint_id: str, *, project: str) -> None:
        """Forget an endpoint, its secrets, and what was or would be delivered to it.

        Raises UnknownWebhookEndpoint.
        """
        theirs = webhook_deliveries.c.endpoint_id == endpoint_id
        async with self._writing() as connection:
            gone = await connection.execute(delete(webhook_endpoints).where(*_this(endpoint_id, project)))
            if not gone.rowcount:
                raise UnknownWebhookEndpoint(endpoint_id)
            await connection.execute(delete(webhook_deliveries).where(theirs))


async def endpoint_of_batch(
    connection: AsyncConnection, batch_id: str, parameters_hash: str, *, project: str
) -> WebhookEndpoint | None:
    """Return what `WebhookEndpointRows.batch_webhook` does, within a transaction."""
    one, old_one = batch_webhook_id(batch_id, parameters_hash), old_batch_webhook_id(batch_id)
    asked = {"one": one, "old_one": old_one, "its_project": project}
    found = (await connection.execute(_OF_BATCH, asked)).mappings()
    return own_endpoint(map(to_endpoint, found), batch_id, parameters_hash)


def own_endpoint(
    found: Iterable[WebhookEndpoint], batch_id: str, parameters_hash: str
) -> WebhookEndpoint | None:
    """Return which of these endpoints is the one of a batch of these parameters.

    Others may have been left by requests of the same idempotency key that wanted something else and have
    started nothing. One that was kept before ids told them apart counts where there is no better.
    """
    by_id = {each.id: each for each in found}
    own = by_id.get(batch_webhook_id(batch_id, parameters_hash))
    return own or by_id.get(old_batch_webhook_id(batch_id))


def from_endpoint(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return the columns of an endpoint's row."""
    return {
        "id": endpoint.id,
        "project": endpoint.project,
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": [each.value for each in endpoint.event_types],
        "secret": endpoint.secret,
        "old_secret": endpoint.old_secret,
        "old_secret_until": endpoint.old_secret_until,
        "batch_id": endpoint.batch_id,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "disabled_at": endpoint.disabled_at,
    }


def to_endpoint(row: RowMapping | Mapping[str, Any]) -> WebhookEndpoint:
    """Return the endpoint of a row."""
    event_types = tuple(EventType(each) for each in row["event_types"])
    return WebhookEndpoint(**{**row, "event_types": event_types})


def _this(endpoint_id: str, project: str) -> tuple[Any, ...]:
    return webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.project == project


def _of_project(chosen: Select[Any], project: str) -> Select[Any]:
    columns = webhook_endpoints.c
    return chosen.where(columns.project == project, columns.batch_id.is_(None))
