"""Opening the database, with what SQLite needs to be shared by several processes."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_TIMEOUT_SECONDS = 10
WRITES = {"overnight_writes": True}
"""Execution options of a connection that is about to write."""


def open_engine(url: str) -> AsyncEngine:
    """Open `url` (an SQLAlchemy URL with an async driver); no connection is made yet."""
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
    # Hidden, or an error that nobody expected would have a client's metadata in the log.
    connect_args = {"timeout": _BUSY_TIMEOUT_SECONDS}
    engine = create_async_engine(url, connect_args=connect_args, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver would otherwise begin transactions itself, deferred, at the first write.
    any_connection: Any = connection
    any_connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL can lose what was acknowledged when the power fails.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns into a write fails at once when another process has written
    # meanwhile; an immediate one waits its turn.
    immediate = connection.get_execution_options().get("overnight_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
