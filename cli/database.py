"""`overnight db`: the catalog, for those who run gateways and workers; `serve` sees to its schema itself."""

import asyncio
from typing import TYPE_CHECKING

import typer

from cli.options import DEFAULT_DATA_DIR, Config, DataDir, TemporalAddress, stdout, told_plainly
from cli.parts import asking_temporal, keep_to_ourselves, settings_of, take_environment
from overnight.config import DEFAULT_GATEWAY_PORT, Settings
from overnight.domain.database_url import shown_database
from overnight.domain.errors import OvernightError

if TYPE_CHECKING:
    from overnight.catalog.schema import SchemaState

app = typer.Typer(no_args_is_help=True, help="The catalog: its schema, and what a backup of it lacks.")


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


@app.command()
def recall(
    *,
    config: Config = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    temporal_address: TemporalAddress = None,
) -> None:
    """Put back, from what Temporal remembers, batches that a restored catalog does not know."""
    keep_to_ourselves()
    with told_plainly(OvernightError, OSError):
        asyncio.run(_recall(_settings(config, data_dir), temporal_address))


async def _recall(settings: Settings, address: str | None) -> None:
    """Print every batch that is put back, with its status."""
    from activities.bookkeeping import Bookkeeping  # noqa: PLC0415 - client commands have no rows
    from activities.events import EventBooks  # noqa: PLC0415 - see above
    from activities.recalling import ALL_BATCHES, Recalling  # noqa: PLC0415 - see above
    from overnight.catalog import Catalog, open_engine, require_schema  # noqa: PLC0415 - see above
    from overnight.storage.opening import opened  # noqa: PLC0415 - see above

    engine = open_engine(settings.database_url)
    try:
        await require_schema(engine)
        async with asking_temporal(address) as client, opened(settings.storage) as storage:
            catalog = Catalog(engine)
            recalling = Recalling(client=client, catalog=catalog, storage=storage)
            events = EventBooks(settings=settings, catalog=catalog)
            books = Bookkeeping(catalog=catalog, storage=storage, events=events, recalling=recalling)
            async for batch_id in recalling.unknown(ALL_BATCHES):
                if status := await books.recall(batch_id):
                    stdout().print(f"{batch_id}  {status.value}", markup=False)
    finally:
        await engine.dispose()


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
