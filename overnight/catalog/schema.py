"""Bringing a database to the schema this code needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from overnight.domain.errors import CatalogUnavailable

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(database_url: str) -> None:
    """Create the tables, or bring them up to date. Blocks; run it before anything is served.

    Raises CatalogUnavailable, as for a database that a later version has made, and OSError.
    """
    url = make_url(database_url)
    if url.database and url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    try:
        command.upgrade(config, "head")
    except (DBAPIError, CommandError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise CatalogUnavailable(f"the catalog can't be brought up to date: {reason}") from error
