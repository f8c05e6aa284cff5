"""`overnight db`: the catalog's schema, for those who run gateways and workers; `serve` sees to it itself."""

import asyncio
from typing import TYPE_CHECKING

import typer

from cli.options import DEFAULT_DATA_DIR, Config, DataDir, stdout, told_plainly
from cli.parts import keep_to_ourselves, settings_of, take_environment
from overnight.config import DEFAULT_GATEWAY_PORT, Settings
from overnight.domain.database_url import shown_database
from overnight.domain.errors import OvernightError

if TYPE_CHECKING:
    from overnight.catalog.schema import SchemaState

app = typer.Typer(no_args_is_help=True, help="The catalog's schema: what it is, and bringing it up to date.")


@app.command()
def upgrade(*, config: Config = None, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Create the catalog's tables, or bring them up to date. Any number of machines may do it at once."""
    keep_to_ourselves()
    with told_plainly(OvernightError, OSError):
        settings = _settings(config, data_dir)
        from overnight.catalog import upgrade as bring_up  # noqa: PLC0415 - client commands have no rows

        bring_up(settings.database_url)
        _tell(settings, asyncio.run(schema_of(settings)))


@app.command()
def current(*, config: Config = None, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Say which schema the catalog has. Exit code 1 if it is not the one that this version needs."""
    with told_plainly(OvernightError, OSError):
        settings = _settings(config, data_dir)
        _tell(settings, asyncio.run(schema_of(settings)))


def _settings(config: Config, data_dir: DataDir) -> Settings:
    take_environment(config)
    return settings_of(config, data_dir=data_dir, port=DEFAULT_GATEWAY_PORT)


async def schema_of(settings: Settings) -> "SchemaState":
    """Return which schema the catalog has. Raises CatalogUnavailable."""
    from overnight.catalog import open_engine, schema_state  # noqa: PLC0415 - see above

    engine = open_engine(settings.database_url)
    try:
        return await schema_state(engine)
    finally:
        await engine.dispose()


def _tell(settings: Settings, state: "SchemaState") -> None:
    console = stdout()
    console.print(f"rows in {shown_database(settings.database_url)}", markup=False, soft_wrap=True)
    console.print(
        f"schema  {state.found or 'none'}: {state.problem or 'up to date'}", markup=False, soft_wrap=True
    )
    if state.problem:
        raise typer.Exit(1)
