"""A database is brought to the schema that this code needs, once, and any other is refused in words."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from overnight.catalog import open_engine, require_schema, schema_state, upgrade
from overnight.catalog.schema import SchemaState, _config
from overnight.catalog.tables import metadata
from overnight.domain.errors import CatalogUnavailable, SchemaMismatch
from tests.overnight.catalog.conftest import Database, at_once
from tests.ports import free_port

AT_ONCE = 6


async def state_of(url: str) -> SchemaState:
    engine = open_engine(url)
    try:
        return await schema_state(engine)
    finally:
        await engine.dispose()


async def test_a_database_without_tables_is_told_what_helps(empty_url: str, tmp_path: Path) -> None:
    state = await state_of(empty_url)

    assert state.found is None
    assert state.problem == "the catalog has no tables yet: run `overnight db upgrade`"
    assert not (tmp_path / "catalog.db").exists()


async def test_upgrading_twice_changes_nothing(empty_url: str) -> None:
    await asyncio.to_thread(upgrade, empty_url)
    database = Database(empty_url)
    first = await database.catalog.installation_id()
    await asyncio.to_thread(upgrade, empty_url)

    assert await database.catalog.installation_id() == first
    await require_schema(database.engine)
    await database.engine.dispose()


async def test_tables_of_others_are_left_as_they_are(empty_url: str) -> None:
    database = Database(empty_url)
    await database.query("CREATE TABLE others (name VARCHAR(10))")
    await asyncio.to_thread(upgrade, empty_url)

    async with database.engine.connect() as connection:
        (name,) = await connection.run_sync(lambda there: inspect(there).get_columns("others"))
    assert name["type"].length == 10
    await database.engine.dispose()


async def test_many_processes_may_upgrade_at_once(empty_url: str) -> None:
    program = "import sys; from overnight.catalog import upgrade; upgrade(sys.argv[1])"
    await asyncio.to_thread(at_once, [[sys.executable, "-c", program, empty_url]] * AT_ONCE)

    database = Database(empty_url)
    assert len(await database.query("SELECT id FROM installation")) == 1
    assert (await state_of(empty_url)).problem is None
    await database.engine.dispose()


async def test_the_tables_are_those_that_the_code_describes(database: Database) -> None:
    def compared(connection: Connection) -> list[Any]:
        # A text of SQLite's has no length, whatever its column says.
        options = {"compare_type": not database.is_sqlite}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compared) == []


async def test_each_migration_can_be_taken_back(empty_url: str) -> None:
    config = _config()
    config.attributes["database_url"] = empty_url
    await asyncio.to_thread(upgrade, empty_url)
    await asyncio.to_thread(command.downgrade, config, "base")
    await asyncio.to_thread(upgrade, empty_url)

    assert (await state_of(empty_url)).problem is None


async def test_an_older_schema_is_refused_with_the_command_that_helps(database: Database) -> None:
    await database.query("UPDATE alembic_version SET version_num = '0008'")

    with pytest.raises(
        SchemaMismatch, match=r"is 0008, and this version needs \d+: run `overnight db upgrade`"
    ):
        await require_schema(database.engine)


async def test_a_newer_schema_is_refused_and_left_as_it_is(database: Database) -> None:
    await database.query("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaMismatch, match=r"a newer version of Overnight has brought .* to 9999"):
        await require_schema(database.engine)
    with pytest.raises(SchemaMismatch, match="start that version, or a later one"):
        await asyncio.to_thread(upgrade, database.url)
    assert await database.query("SELECT version_num FROM alembic_version") == [("9999",)]


async def test_a_process_that_serves_goes_on_when_a_newer_version_has_upgraded(database: Database) -> None:
    await require_schema(database.engine)
    await database.query("UPDATE alembic_version SET version_num = '9999'")

    await database.catalog.check()


async def test_a_server_that_is_not_there_is_unavailable_and_its_password_is_told_to_nobody() -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/night"

    with pytest.raises(CatalogUnavailable) as of_upgrade:
        await asyncio.to_thread(upgrade, url)
    with pytest.raises(CatalogUnavailable) as of_state:
        await state_of(url)
    for raised in (of_upgrade, of_state):
        assert "hunter2" not in str(raised.value)
