"""Opening the database: what SQLite needs to be shared by processes, and PostgreSQL to keep its word."""

import ssl
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from overnight.domain.database_url import PostgresAddress, is_postgres, read_postgres

_BUSY_TIMEOUT_SECONDS = 10
_ANSWER_WITHIN_SECONDS = 30
"""A server that has gone without a word is given up by then."""

_MADE_READ_ONLY = "25006"
"""PostgreSQL's code for a write where none can be made, as on a server that is a standby now."""

_WRITES = "overnight_writes"
WRITES: dict[str, Any] = {_WRITES: True}
"""Execution options of a connection that is about to write."""

READS: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Those of one to PostgreSQL that only reads: all its statements see the same moment, as SQLite's do."""

# A power cut must not lose what was acknowledged, however the server is set up; it may be stricter still.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', true) "
    "WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"
)


def open_engine(url: str, *, patient: bool = False) -> AsyncEngine:
    """Open `url`; no connection is made yet. A `patient` one waits for its answers as long as they take.

    Raises InvalidConfig for a URL of PostgreSQL's that can't be understood.
    """
    if is_postgres(url):
        return _open_postgres(read_postgres(url), patient=patient)
    # Hidden, or an error that nobody expected would have a client's metadata in the log.
    connect_args = {"timeout": _BUSY_TIMEOUT_SECONDS}
    engine = create_async_engine(url, connect_args=connect_args, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _open_postgres(address: PostgresAddress, *, patient: bool) -> AsyncEngine:
    connect_args: dict[str, Any] = {
        "dsn": address.dsn,
        "timeout": address.connect_timeout.total_seconds(),
        "command_timeout": None if patient else _ANSWER_WITHIN_SECONDS,
    }
    if address.system_roots:
        connect_args["ssl"] = ssl.create_default_context()
    if address.pooled_elsewhere:
        connect_args |= _NOTHING_PREPARED
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=connect_args,
        pool_size=address.pool_size,
        max_overflow=0,
        pool_timeout=address.pool_timeout.total_seconds(),
        pool_pre_ping=True,
        # Whatever the server's default is: at this level no transaction fails because of another.
        isolation_level="READ COMMITTED",
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "begin", _begin_postgres)
    event.listen(engine.sync_engine, "handle_error", _leave_standbys)
    return engine


_NOTHING_PREPARED: dict[str, Any] = {
    # The next transaction may be another session's, which knows no statement that this one has prepared.
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"overnight_{uuid4().hex}",
}


def _begin_postgres(connection: Connection) -> None:
    # For one transaction, since a pooler may give the next one to another session.
    if connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql(_DURABLE)


def _leave_standbys(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) == _MADE_READ_ONLY:
        context.is_disconnect = True


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
    immediate = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
