"""Bringing a database to the schema this code needs, and refusing one that has another."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from overnight.catalog.connections import cause_of
from overnight.domain.database_url import is_postgres
from overnight.domain.errors import CatalogUnavailable, SchemaMismatch

_MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE = "run `overnight db upgrade`"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """The revision that a database has, None being that of an empty one, and the one this code needs.

    `known` says whether this code has heard of the database's.
    """

    found: str | None
    needed: str
    known: bool

    @property
    def problem(self) -> str | None:
        """Why this code can't serve it, and what helps; None if it can."""
        if self.found == self.needed:
            return None
        if self.found is None:
            return f"the catalog has no tables yet: {_UPGRADE}"
        if self.known:
            return f"the catalog's schema is {self.found}, and this version needs {self.needed}: {_UPGRADE}"
        return (
            f"a newer version of Overnight has brought the catalog's schema to {self.found}, which this "
            f"version, of {self.needed}, does not know: start that version, or a later one"
        )


def upgrade(database_url: str) -> None:
    """Create the tables, or bring them up to date; one process at a time, however many try. Blocks.

    All of it happens, or nothing. Raises SchemaMismatch for a database that a later version has made,
    CatalogUnavailable, and OSError where there is no room for an SQLite file.
    """
    if not is_postgres(database_url) and (file := make_url(database_url).database):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, "head")
    except (DBAPIError, CommandError, OSError) as error:
        raise CatalogUnavailable(f"the catalog can't be brought up to date: {_why(error)}") from error


async def schema_state(engine: AsyncEngine) -> SchemaState:
    """Return which schema a database has. Raises CatalogUnavailable."""
    if _is_missing(engine):
        # To look would be to make it.
        return state_of(None)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(_revision)
    except (DBAPIError, OSError) as error:
        raise CatalogUnavailable(f"the catalog can't be reached: {_why(error)}") from error
    return state_of(found)


async def require_schema(engine: AsyncEngine) -> None:
    """Raise SchemaMismatch unless the schema is the one this code needs, and CatalogUnavailable.

    Asked when a process starts, and not again: one that serves goes on while a newer version is rolled out,
    since a migration leaves what the version before it needs.
    """
    if problem := (await schema_state(engine)).problem:
        raise SchemaMismatch(problem)


def state_of(found: str | None) -> SchemaState:
    """Return what a revision is to this code."""
    scripts = ScriptDirectory.from_config(_config())
    needed = str(scripts.get_current_head())
    revisions = {script.revision for script in scripts.walk_revisions()}
    return SchemaState(found=found, needed=needed, known=found is None or found in revisions)


def _is_missing(engine: AsyncEngine) -> bool:
    return engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _why(error: Exception) -> str:
    cause = cause_of(error)
    return str(cause) or type(cause).__name__
