"""`overnight gateway`: a part of what `serve` runs, for many machines; several processes, if wished."""

import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from api.stopping import DRAIN, GRACE, Stopping
from cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_HOST,
    Config,
    DataDir,
    EmbeddedTemporal,
    Host,
    Log,
    LogLevel,
    Port,
    TemporalAddress,
    told_plainly,
)
from cli.parts import begin, refuse_open_door, run, settings_of
from overnight.config import DEFAULT_GATEWAY_PORT, Settings
from overnight.domain.errors import OvernightError

if TYPE_CHECKING:
    from temporalio.client import Client

    from cli.gateways import Share


def gateway(
    context: typer.Context,
    *,
    config: Config = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_GATEWAY_PORT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    temporal_address: TemporalAddress = None,
    embedded_temporal: EmbeddedTemporal = None,
    processes: Annotated[int, typer.Option(help="So many processes share the port.", min=1)] = 1,
    drain: Annotated[
        int,
        typer.Option(help="Seconds to serve on, but not be ready, after SIGTERM: for load balancers.", min=0),
    ] = int(DRAIN.total_seconds()),
    grace: Annotated[
        int, typer.Option(help="Seconds after that for requests under way to end in.", min=0)
    ] = int(GRACE.total_seconds()),
    worker_metrics: Annotated[
        str | None, typer.Option(help="The page of a worker's metrics to make part of the gateway's.")
    ] = None,
    share: Annotated[str | None, typer.Option(hidden=True, help="This process's part of several.")] = None,
    log_level: Log = LogLevel.INFO,
) -> None:
    """Run a gateway: HTTP in, workflows started, rows read."""
    begin("gateway", config, log_level)
    with told_plainly(OvernightError, OSError):
        settings = settings_of(config, data_dir=data_dir, port=port)
        refuse_open_door(settings, host)
        from api.server import listen  # noqa: PLC0415 - only this command needs FastAPI
        from cli.gateways import ChildFailed, Share, serve_gateways  # noqa: PLC0415 - see above
        from workflows.connecting import connect  # noqa: PLC0415 - nor do client commands need Temporal

        stopping = Stopping(drain=timedelta(seconds=drain), grace=timedelta(seconds=grace))
        if processes > 1:
            with told_plainly(ChildFailed), listen(settings, host, port) as listener:
                run(serve_gateways(processes, listener, stopping, options=_passed_on(context)))
            return
        place = partial(connect, embedded_temporal, address=temporal_address, lazy=True)
        if share is None:
            with listen(settings, host, port) as listener:
                _serve(settings, listener, stopping, connect=place, worker_metrics=worker_metrics)
        else:
            mine = Share.read(share)
            with socket.socket(fileno=mine.listener) as listener:
                _serve(settings, listener, stopping, connect=place, worker_metrics=worker_metrics, share=mine)


def _passed_on(context: typer.Context) -> list[str]:
    """Return the options that every one of several processes is started with."""
    ours = ("processes", "share")
    given = {name: value for name, value in context.params.items() if name not in ours and value is not None}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


def _serve(
    settings: Settings,
    listener: socket.socket,
    stopping: Stopping,
    *,
    connect: "Callable[..., Awaitable[Client]]",
    worker_metrics: str | None,
    share: "Share | None" = None,
) -> None:
    from api.server import serve_gateway  # noqa: PLC0415 - see above
    from api.telling import MetricsPages  # noqa: PLC0415 - see above
    from cli.telemetry import telling  # noqa: PLC0415 - see above
    from overnight.telemetry.exposition import Page  # noqa: PLC0415 - see above

    key = None if settings.metrics_open else settings.master_key
    with telling("gateway", page_wanted=True) as measured:
        pages = MetricsPages(
            process=share.name if share else "gateway",
            temporal=measured.page,
            worker=None if worker_metrics is None else Page(worker_metrics, key=settings.master_key),
            others=share.pages_of_others(key=key) if share else {},
            sent=measured.sent,
        )
        serving = serve_gateway(
            settings,
            listener=listener,
            connect=partial(connect, runtime=measured.runtime),
            pages=pages,
            stopping=stopping,
        )
        run(share.beside_its_page(serving, measured.page, key=key) if share else serving)
