"""What only PostgreSQL does: it goes away and comes back, has defaults of its own, and is asked by many."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from overnight.catalog import Catalog, engine, open_engine, schema_state, upgrade
from overnight.domain.batch import BatchChange
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from tests.activities.house import order
from tests.overnight.catalog.conftest import POSTGRESQL, Database
from tests.postgres import Postgres


@pytest.fixture
def kind() -> str:
    """For the fixtures that every test of the catalog has."""
    return POSTGRESQL


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Catalog]:
    """A catalog of connections of its own."""
    opened_engine = open_engine(url)
    yield Catalog(opened_engine)
    await opened_engine.dispose()


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A server that a test may kill."""
    with Postgres() as server:
        yield server


async def assert_usable(catalog: Catalog) -> None:
    """Check that rows can be written and read."""
    await catalog.add_batch(order("batch_1"))
    assert (await catalog.batch("batch_1")).status is BatchStatus.VALIDATING


async def test_a_server_that_was_killed_is_unavailable_and_found_again(mortal: Postgres) -> None:
    url = mortal.new_database()
    await asyncio.to_thread(upgrade, url)
    async with opened(url) as catalog:
        await assert_usable(catalog)
        mortal.kill()
        for _ in range(3):
            with pytest.raises(CatalogUnavailable, match="reading failed"):
                await catalog.check()
            with pytest.raises(CatalogUnavailable, match="writing failed"):
                await catalog.add_batch(order("batch_2"))
        mortal.start()
        await assert_usable(catalog)


async def test_a_server_that_hangs_is_given_up(mortal: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_ANSWER_WITHIN_SECONDS", 1)
    url = f"{mortal.new_database()}?connect_timeout=1"
    await asyncio.to_thread(upgrade, url)
    async with opened(url) as catalog:
        await assert_usable(catalog)
        with mortal.frozen(), pytest.raises(CatalogUnavailable):
            await catalog.check()
        await assert_usable(catalog)


async def test_a_transaction_whose_server_dies_has_come_to_nothing(mortal: Postgres) -> None:
    url = mortal.new_database()
    await asyncio.to_thread(upgrade, url)
    async with opened(url) as catalog:
        with pytest.raises(CatalogUnavailable):
            await delete_as_it_dies(catalog, mortal)
        mortal.start()
        assert await catalog.installation_id()


async def delete_as_it_dies(catalog: Catalog, server: Postgres) -> None:
    async with catalog._writing() as connection:
        await connection.execute(text("DELETE FROM installation"))
        server.kill()


async def test_what_is_acknowledged_is_on_the_disk_whatever_the_servers_default(
    database: Database, postgres: Postgres
) -> None:
    name = database.url.rpartition("/")[2]
    for default, kept in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
        postgres.query(f'ALTER DATABASE "{name}" SET synchronous_commit = {default}')
        async with opened(database.url) as catalog, catalog._writing() as connection:
            assert await connection.scalar(text("SHOW synchronous_commit")) == kept


async def test_no_write_fails_for_another_where_serializable_is_the_default(
    database: Database, postgres: Postgres
) -> None:
    name = database.url.rpartition("/")[2]
    postgres.query(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    async with opened(database.url) as catalog:
        await catalog.add_batch(order("batch_1"))
        await catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.IN_PROGRESS))
        reports = (
            catalog.report_progress("batch_1", shard=0, chunk=0, attempt="a", counts=Counts(40, n, 0))
            for n in range(40)
        )
        await asyncio.gather(*reports)
        assert (await catalog.batch("batch_1")).counts.completed == 39


async def test_a_server_that_has_become_a_standby_is_left(database: Database, postgres: Postgres) -> None:
    name = database.url.rpartition("/")[2]
    postgres.query(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    async with opened(f"{database.url}?connection_limit=1") as catalog:
        with pytest.raises(CatalogUnavailable, match="ReadOnly"):
            await catalog.add_batch(order("batch_1"))
        postgres.query(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        # The setting is a session's own from its start, so this is another session.
        await assert_usable(catalog)


async def test_a_pool_whose_connections_are_all_taken_is_unavailable(database: Database) -> None:
    async with opened(f"{database.url}?connection_limit=1&pool_timeout=1") as catalog:
        async with catalog._reading():
            with pytest.raises(CatalogUnavailable, match="TimeoutError"):
                await catalog.check()
        await assert_usable(catalog)


async def test_nothing_is_prepared_behind_a_pooler(database: Database) -> None:
    async with opened(f"{database.url}?pgbouncer=true&connection_limit=1") as catalog:
        for _ in range(3):
            await assert_usable(catalog)
        async with catalog._reading() as connection:
            # But for the very statement that asks.
            assert await connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) <= 1


async def test_tables_are_in_the_schema_that_is_named(postgres: Postgres) -> None:
    url = postgres.new_database()
    postgres.query("CREATE SCHEMA night", url=url)
    await asyncio.to_thread(upgrade, f"{url}?schema=night")
    async with opened(f"{url}?schema=night") as catalog:
        await assert_usable(catalog)
    asked = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('batches', 'alembic_version')"
    assert postgres.query(asked, url=url) == [{"schemaname": "night"}]


@pytest.mark.parametrize(
    ("database", "said"), [("nowhere", '"nowhere" does not exist'), ("postgres?sslmode=require", "SSL")]
)
async def test_why_a_database_can_not_be_used_is_told(postgres: Postgres, database: str, said: str) -> None:
    url = postgres.url(database)
    with pytest.raises(CatalogUnavailable, match=said):
        await asyncio.to_thread(upgrade, url)
    opened_engine = open_engine(url)
    with pytest.raises(CatalogUnavailable, match=said):
        await schema_state(opened_engine)
    await opened_engine.dispose()
