"""What all rows have in common: how they are reached, and how a list of them is cut into pages."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Table, Tuple, and_, bindparam, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from overnight.catalog.engine import READS, WRITES
from overnight.domain.errors import CatalogUnavailable, InvalidRequest

Item = TypeVar("Item")
Insert = sqlite.Insert | postgresql.Insert

# A driver that gets no connection (no such host, refused, too late) raises what is no error of SQLAlchemy's.
_OUTAGES = (DBAPIError, PoolTimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, and whether there is another."""

    items: list[Item]
    has_more: bool


class Connections:
    """Transactions on one database, which is SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._readers = engine if self._is_sqlite else engine.execution_options(**READS)
        self._writers = engine.execution_options(**WRITES)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """Read within the block. Raises CatalogUnavailable."""
        try:
            async with self._readers.connect() as connection:
                yield connection
        except _OUTAGES as error:
            raise _unavailable("reading", error) from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """Write within the block: all of it, or nothing if it raises. Raises CatalogUnavailable."""
        try:
            async with self._writers.begin() as connection:
                yield connection
        except _OUTAGES as error:
            raise _unavailable("writing", error) from error

    def _insert(self, table: Table, values: Mapping[str, object]) -> Insert:
        """Return an insert that can be told what to do on a conflict."""
        insert = sqlite.insert if self._is_sqlite else postgresql.insert
        return insert(table).values(**values)

    def _in_order(self, key: Column[str], *which: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return a condition that is true of `which` rows, and has them locked in the order of their keys.

        Two transactions that change many of the same rows would otherwise wait for each other for ever. Of
        SQLite's, one writes at a time.
        """
        if self._is_sqlite:
            return and_(*which)
        return key.in_(select(key).where(*which).order_by(key).with_for_update())

    async def _one_at_a_time(self, connection: AsyncConnection, what: str) -> None:
        """Let no other transaction go on from here with the same `what` before this one ends."""
        if not self._is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))

    @property
    def _is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self._engine.dialect.name == "sqlite"


async def place_of(connection: AsyncConnection, table: Table, row_id: str, project: str) -> Tuple:
    """Return where a row stands in the order of age, for `after`. Raises InvalidRequest."""
    query = select(table.c.created_at).where(table.c.id == row_id, table.c.project == project)
    created_at = (await connection.execute(query)).scalar_one_or_none()
    if created_at is None:
        raise InvalidRequest(f"'after' names nothing that is here: {row_id}", param="after")
    return tuple_(bindparam(None, created_at, table.c.created_at.type), row_id)


def _unavailable(doing: str, error: Exception) -> CatalogUnavailable:
    # The whole message would quote the statement and its values.
    return CatalogUnavailable(f"{doing} failed: {type(cause_of(error)).__name__}")


def cause_of(error: BaseException) -> BaseException:
    """Return what a driver has raised, which SQLAlchemy wraps once, or twice for asyncpg."""
    inner = error.orig if isinstance(error, DBAPIError) else None
    return error if inner is None else inner.__cause__ or inner
