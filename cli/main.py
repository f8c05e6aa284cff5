"""The `overnight` command: what it can do, and where each of its commands is.

Commands import what they need when they run: `overnight list` should not wait for FastAPI and Temporal.
"""

import asyncio
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from cli import batches, database, money, parts, simulate, temporal
from cli.check import check
from cli.gateway import gateway
from cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_HOST,
    Config,
    DataDir,
    Host,
    Log,
    LogLevel,
    Port,
    told_plainly,
)
from cli.worker import worker
from overnight.config import DEFAULT_GATEWAY_PORT
from overnight.domain.errors import OvernightError
from overnight.logs import configure_logging

app = typer.Typer(
    name="overnight",
    no_args_is_help=True,
    add_completion=False,
    # Local variables in a traceback would show keys.
    pretty_exceptions_enable=False,
    help="Runs LLM batches and never loses one.",
)


def _print_version(*, wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"overnight {version('overnight')}")
    except PackageNotFoundError:
        typer.echo("overnight, from a checkout that is not installed")
    raise typer.Exit


@app.callback()
def overnight(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=lambda value: _print_version(wanted=value), is_eager=True)
    ] = False,
) -> None:
    """Runs LLM batches and never loses one."""


@app.command()
def serve(
    *,
    config: Config = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_GATEWAY_PORT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    temporal_port: Annotated[
        int | None, typer.Option(help="For the embedded Temporal server.", min=1, max=65_535)
    ] = None,
    temporal_ui_port: Annotated[
        int | None, typer.Option(help="For the Temporal UI.", min=1, max=65_535)
    ] = None,
    log_level: Log = LogLevel.INFO,
) -> None:
    """Run everything on this machine: Temporal, a worker and the gateway, until Ctrl-C."""
    parts.keep_to_ourselves()
    parts.take_environment(config)
    configure_logging(process="serve", level=log_level)
    from cli import serve as serving  # noqa: PLC0415 - only this command needs Temporal
    from cli.data_folder import DataFolderTaken  # noqa: PLC0415 - nor does any other lock a folder
    from cli.embedded_temporal import TemporalMissing  # noqa: PLC0415 - see above
    from cli.ports import PortTaken  # noqa: PLC0415 - see above
    from cli.supervisor import ChildFailed  # noqa: PLC0415 - see above

    with told_plainly(OvernightError, OSError, DataFolderTaken, TemporalMissing, PortTaken, ChildFailed):
        settings = parts.settings_of(config, data_dir=data_dir, port=port)
        parts.refuse_open_door(settings, host)
        order = serving.ServeOrder(
            settings=settings,
            config=config.absolute() if config else None,
            host=host,
            port=port,
            temporal_port=temporal_port,
            temporal_ui_port=temporal_ui_port,
            log_level=log_level,
        )
        asyncio.run(serving.serve(order))


app.command("gateway")(gateway)
app.command("worker")(worker)
app.command("submit")(batches.submit)
app.command("list")(batches.list_batches)
app.command("show")(batches.show)
app.command("watch")(batches.watch_batch)
app.command("cancel")(batches.cancel)
app.command("results")(batches.results)
app.command("verify")(money.verify_batch)
app.command("cost")(money.cost)
app.command("check")(check)
app.add_typer(database.app, name="db")
app.add_typer(simulate.app, name="simulate")
app.add_typer(temporal.app, name="temporal")


def main() -> None:
    """Run the command."""
    app()
