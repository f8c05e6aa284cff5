"""Every test of the catalog runs on both databases: an SQLite file, and PostgreSQL from a wheel."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from overnight.catalog import Catalog, open_engine, upgrade

CHECKOUT = Path(__file__).parents[3]
SQLITE, POSTGRESQL = KINDS = ("sqlite", "postgresql")


class Database:
    """A database of a test's own, and what only a test asks it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)
        self.catalog = Catalog(self.engine)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == SQLITE

    async def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        async with self.engine.begin() as connection:
            found = await connection.exec_driver_sql(statement, values or None)
            return [tuple(row) for row in found] if found.returns_rows else []

    async def plans(self, asked: Any) -> str:
        """Have `asked` done, and return the plans of all of its statements that read or change rows."""
        with _heard(self.engine) as statements:
            await asked
        explain = "EXPLAIN QUERY PLAN" if self.is_sqlite else "EXPLAIN (COSTS OFF)"
        plans = []
        for statement, values in statements:
            async with self.engine.connect() as connection:
                found = await connection.exec_driver_sql(f"{explain} {statement}", values)
                plans += [f"-- {statement}", *(str(row[-1]) for row in found)]
        return "\n".join(plans)


def at_once(commands: list[list[str]]) -> list[bytes]:
    """Run commands at the same time until they have ended well, and return what they said on stderr."""
    running = [subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE) for command in commands]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * len(commands), said
    return said


@contextmanager
def _heard(engine: AsyncEngine) -> Iterator[list[tuple[str, Any]]]:
    """Gather the statements that are executed within the block, with their values."""
    statements: list[tuple[str, Any]] = []

    def note(*given: Any) -> None:
        if "BEGIN" not in given[2] and "synchronous_commit" not in given[2]:
            statements.append((given[2], given[3]))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database without tables, or a file that is not there yet."""
    if kind == SQLITE:
        return f"sqlite+aiosqlite:///{tmp_path}/catalog.db"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
async def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An empty catalog."""
    if kind == POSTGRESQL:
        return str(request.getfixturevalue("postgres").new_database(template="tables"))
    url = f"sqlite+aiosqlite:///{tmp_path}/catalog.db"
    await asyncio.to_thread(upgrade, url)
    return url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """The database behind `catalog`."""
    database = Database(url)
    yield database
    await database.engine.dispose()


@pytest.fixture
def catalog(database: Database) -> Catalog:
    """An empty catalog in a database of its own."""
    return database.catalog
