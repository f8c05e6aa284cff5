"""How Alembic reaches the database: through the same engine as everything else."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from overnight.catalog.engine import WRITES, open_engine
from overnight.catalog.tables import metadata


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    engine = open_engine(context.config.attributes["database_url"])
    async with engine.execution_options(**WRITES).begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


asyncio.run(_run())
