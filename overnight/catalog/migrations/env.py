"""How Alembic reaches the database: through the same engine as everything else, and one process at a time."""

import asyncio

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from overnight.catalog.engine import WRITES, open_engine
from overnight.catalog.schema import state_of
from overnight.catalog.tables import metadata
from overnight.domain.errors import SchemaMismatch

_LOCK = 0x6F7665726E69
"""By what processes that upgrade one PostgreSQL database at once know each other."""


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Until the transaction ends. SQLite's, once it is going to write, is the only one by itself.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    state = state_of(MigrationContext.configure(connection).get_current_revision())
    if not state.known:
        raise SchemaMismatch(state.problem)
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    engine = open_engine(context.config.attributes["database_url"], patient=True)
    try:
        async with engine.execution_options(**WRITES).begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


asyncio.run(_run())
