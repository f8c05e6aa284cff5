"""Bringing a database to the schema this code needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

_MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(database_url: str) -> None:
    """Create the tables, or bring them up to date. Blocks; run it before anything is served."""
    url = make_url(database_url)
    if url.database and url.get_backend_name() == "sqlite":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
