"""The rows of files, batches and progress, and who may change what.

Only a batch's workflow changes its status, with a revision that rises, so that a late or repeated write
never turns a batch back. Progress is a table of its own that chunks upsert. The gateway writes only
`cancel_requested_at`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Table,
    Tuple,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overnight.catalog import rows
from overnight.catalog.engine import WRITES
from overnight.catalog.tables import batches, files, progress
from overnight.domain.batch import Batch, BatchChange, BatchOrder
from overnight.domain.errors import CatalogUnavailable, InvalidRequest, UnknownBatch, UnknownFile
from overnight.domain.file import File, FilePurpose
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, and whether there is another."""

    items: list[Item]
    has_more: bool


class Catalog:
    """Reads and writes rows. Every method may raise CatalogUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def check(self) -> None:
        """Raise CatalogUnavailable, saying why, unless rows can be read."""
        async with self._reading() as connection:
            await connection.execute(select(files.c.id).limit(1))

    # --- files ---------------------------------------------------------------------------------

    async def add_file(self, file: File) -> None:
        """Add a file's row, or do nothing if that id is there already."""
        async with self._writing() as connection:
            await _insert_once(connection, files, rows.from_file(file))

    async def file(self, file_id: str, *, project: str, now: datetime) -> File:
        """Return a file that was neither deleted nor expired at `now`. Raises UnknownFile."""
        query = select(files).where(files.c.id == file_id, *_visible(project, now))
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise UnknownFile(file_id)
        return rows.to_file(row)

    async def list_files(
        self,
        *,
        project: str,
        now: datetime,
        purpose: FilePurpose | None = None,
        newest_first: bool = True,
        after: str | None = None,
        limit: int = 10_000,
    ) -> Page[File]:
        """Return up to `limit` files by age. Raises InvalidRequest for an unknown `after`."""
        query = select(files).where(*_visible(project, now)).limit(limit + 1)
        if purpose is not None:
            query = query.where(files.c.purpose == purpose.value)
        place = tuple_(files.c.created_at, files.c.id)
        query = (
            query.order_by(files.c.created_at.desc(), files.c.id.desc())
            if newest_first
            else (query.order_by(files.c.created_at, files.c.id))
        )
        async with self._reading() as connection:
            if after is not None:
                cursor = await _place_of(connection, files, after, project)
                query = query.where(place < cursor if newest_first else place > cursor)
            found = (await connection.execute(query)).mappings().all()
        return Page([rows.to_file(row) for row in found[:limit]], len(found) > limit)

    async def delete_file(self, file_id: str, *, project: str, now: datetime) -> None:
        """Hide a file at once; its bytes go when no running batch needs them. Raises UnknownFile."""
        hide = update(files).where(files.c.id == file_id, *_visible(project, now)).values(deleted_at=now)
        async with self._writing() as connection:
            if (await connection.execute(hide)).rowcount == 0:
                raise UnknownFile(file_id)

    async def erasable_files(self, *, now: datetime, limit: int = 1_000) -> list[File]:
        """Return deleted and expired files whose bytes are still there and that no running batch reads."""
        in_use = select(batches.c.input_file_id).where(batches.c.status.not_in(_ENDED))
        gone = files.c.deleted_at.is_not(None) | (files.c.expires_at <= now)
        query = select(files).where(gone, files.c.erased_at.is_(None), files.c.id.not_in(in_use)).limit(limit)
        async with self._reading() as connection:
            return [rows.to_file(row) for row in (await connection.execute(query)).mappings()]

    async def mark_erased(self, file_id: str, *, now: datetime) -> None:
        """Note that a file's bytes are gone."""
        async with self._writing() as connection:
            await connection.execute(update(files).where(files.c.id == file_id).values(erased_at=now))

    # --- batches -------------------------------------------------------------------------------

    async def add_batch(self, order: BatchOrder) -> None:
        """Add a batch's row, or do nothing if that id is there already."""
        async with self._writing() as connection:
            await _insert_once(connection, batches, rows.from_order(order))

    async def batch(self, batch_id: str, *, project: str | None = None) -> Batch:
        """Return a batch with its progress; `project` None means any. Raises UnknownBatch."""
        query = rows.batches_with_progress().where(batches.c.id == batch_id)
        if project is not None:
            query = query.where(batches.c.project == project)
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise UnknownBatch(batch_id)
        return rows.to_batch(row)

    async def list_batches(self, *, project: str, after: str | None = None, limit: int = 20) -> Page[Batch]:
        """Return up to `limit` batches, newest first. Raises InvalidRequest for an unknown `after`."""
        query = rows.batches_with_progress().where(batches.c.project == project).limit(limit + 1)
        query = query.order_by(batches.c.created_at.desc(), batches.c.id.desc())
        async with self._reading() as connection:
            if after is not None:
                cursor = await _place_of(connection, batches, after, project)
                query = query.where(tuple_(batches.c.created_at, batches.c.id) < cursor)
            found = (await connection.execute(query)).mappings().all()
        return Page([rows.to_batch(row) for row in found[:limit]], len(found) > limit)

    async def unfinished_batches(self) -> list[BatchOrder]:
        """Return the orders of all batches whose rows say that they have not ended."""
        query = select(batches).where(batches.c.status.not_in(_ENDED)).order_by(batches.c.created_at)
        async with self._reading() as connection:
            return [rows.to_order(row) for row in (await connection.execute(query)).mappings()]

    async def record(self, batch_id: str, change: BatchChange) -> None:
        """Write what a batch's workflow says, unless something later, or a delivery, has been written."""
        newer = update(batches).where(batches.c.id == batch_id, batches.c.revision < change.revision)
        if not change.status.delivered:
            # Somebody has reset a workflow that had ended. What its client was given stays given.
            newer = newer.where(batches.c.status.not_in(_DELIVERED))
        async with self._writing() as connection:
            await connection.execute(newer.values(**rows.from_change(change)))
            if change.status.ended:
                await connection.execute(delete(progress).where(progress.c.batch_id == batch_id))

    async def request_cancel(self, batch_id: str, *, at: datetime) -> None:
        """Note that a client wants the batch cancelled; the first request's time stays."""
        asked = update(batches).where(batches.c.id == batch_id, batches.c.cancel_requested_at.is_(None))
        async with self._writing() as connection:
            await connection.execute(asked.values(cancel_requested_at=at))

    async def report_progress(
        self,
        batch_id: str,
        *,
        shard: int,
        chunk: int,
        attempt: str,
        counts: Counts,
        tokens: int = 0,
        waiting_on: str | None = None,
    ) -> None:
        """Upsert how far a chunk is. Counts never fall, so a late write of an old attempt does no harm."""
        this_chunk = (
            progress.c.batch_id == batch_id,
            progress.c.shard == shard,
            progress.c.chunk == chunk,
        )
        values = {"attempt": attempt, "waiting_on": waiting_on}
        risen = func.max if self._engine.dialect.name == "sqlite" else func.greatest
        change = (
            update(progress)
            .where(*this_chunk)
            .values(
                completed=risen(progress.c.completed, counts.completed),
                failed=risen(progress.c.failed, counts.failed),
                tokens=risen(progress.c.tokens, tokens),
                **values,
            )
        )
        first = {
            "batch_id": batch_id,
            "shard": shard,
            "chunk": chunk,
            "completed": counts.completed,
            "failed": counts.failed,
            "tokens": tokens,
            **values,
        }
        async with self._writing() as connection:
            if (await connection.execute(change)).rowcount == 0:
                await _insert_once(connection, progress, first)

    # --- connections ---------------------------------------------------------------------------

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise _unavailable("reading", error) from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.execution_options(**WRITES).begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise _unavailable("writing", error) from error


_DELIVERED = tuple(status.value for status in BatchStatus if status.delivered)
_ENDED = tuple(status.value for status in BatchStatus if status.ended)


def _visible(project: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        files.c.project == project,
        files.c.deleted_at.is_(None) | (files.c.deleted_at > now),
        files.c.expires_at.is_(None) | (files.c.expires_at > now),
    )


async def _place_of(connection: AsyncConnection, table: Table, row_id: str, project: str) -> Tuple:
    """Return where a row stands in the order of age, for `after`. Raises InvalidRequest."""
    query = select(table.c.created_at).where(table.c.id == row_id, table.c.project == project)
    created_at = (await connection.execute(query)).scalar_one_or_none()
    if created_at is None:
        raise InvalidRequest(f"'after' names nothing that is here: {row_id}", param="after")
    return tuple_(bindparam(None, created_at, table.c.created_at.type), row_id)


async def _insert_once(connection: AsyncConnection, table: Table, values: Mapping[str, object]) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    await connection.execute(insert(table).values(**values).on_conflict_do_nothing())


def _unavailable(doing: str, error: DBAPIError | PoolTimeoutError) -> CatalogUnavailable:
    # The whole message would quote the statement and its values.
    cause = error.orig if isinstance(error, DBAPIError) else error
    return CatalogUnavailable(f"{doing} failed: {type(cause).__name__}")
