"""`overnight worker`: one of the parts that `serve` runs, for many machines."""

import os
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_HOST,
    Config,
    DataDir,
    EmbeddedTemporal,
    Log,
    LogLevel,
    TemporalAddress,
    told_plainly,
)
from cli.parts import begin, refuse_open_door, run, settings_of
from overnight.config import DEFAULT_GATEWAY_PORT, Settings
from overnight.domain.errors import OvernightError
from workers.terms import GRACE, MAX_CHUNKS, Terms, Versioning

if TYPE_CHECKING:
    from cli.telemetry import Measured
    from workers.door import Door


def worker(
    *,
    queue: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these task queues; may be repeated. A kind (batches, lines, provider, events, "
            "webhooks) or one queue of it (provider-azure, lines-<model_name>)."
        ),
    ] = None,
    config: Config = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    temporal_address: TemporalAddress = None,
    embedded_temporal: EmbeddedTemporal = None,
    grace: Annotated[
        int, typer.Option(help="Seconds to finish in when told to stop; the rest is handed back.", min=0)
    ] = int(GRACE.total_seconds()),
    max_chunks: Annotated[
        int, typer.Option(help="Chunks of one deployment's lines at once.", min=1)
    ] = MAX_CHUNKS,
    deployment_version: Annotated[
        str | None, typer.Option(help="The build this is, for Temporal's worker versioning; off by default.")
    ] = None,
    versioning: Annotated[
        Versioning, typer.Option(help="Where batches of that build go on once another is the current one.")
    ] = Versioning.PINNED,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            help="Serve metrics and health there; by default worker_metrics_port.", min=1, max=65_535
        ),
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address they are served on.")] = DEFAULT_HOST,
    log_level: Log = LogLevel.INFO,
) -> None:
    """Run a worker: it does what batches need done, on all task queues or some."""
    begin("worker", config, log_level)
    with told_plainly(OvernightError, OSError):
        settings = settings_of(config, data_dir=data_dir, port=DEFAULT_GATEWAY_PORT)
        from cli.telemetry import telling  # noqa: PLC0415 - client commands need none of this
        from workers.choosing import UnknownQueue, chosen  # noqa: PLC0415 - see above
        from workers.process import run_worker  # noqa: PLC0415 - see above
        from workers.scratch import scratch_beside  # noqa: PLC0415 - see above
        from workflows.connecting import connect  # noqa: PLC0415 - see above

        try:
            chosen(settings, queue)
        except UnknownQueue as error:
            raise typer.BadParameter(error.message, param_hint="--queue") from error
        port = metrics_port or settings.worker_metrics_port
        if port and not settings.metrics_open:
            refuse_open_door(settings, metrics_host, what="a worker serves metrics", option="--metrics-host")
        terms = Terms(
            grace=timedelta(seconds=grace),
            max_chunks=max_chunks,
            build=deployment_version,
            versioning=versioning,
        )
        with (
            scratch_beside(settings.data_dir, environ=os.environ),
            telling("worker", page_wanted=port is not None) as measured,
        ):
            run(
                run_worker(
                    settings,
                    connect=partial(
                        connect, embedded_temporal, address=temporal_address, runtime=measured.runtime
                    ),
                    only=queue,
                    terms=terms,
                    door=_door(settings, measured, host=metrics_host, port=port) if port else None,
                )
            )


def _door(settings: Settings, measured: "Measured", *, host: str, port: int) -> "Door":
    from workers.door import Door  # noqa: PLC0415 - see above

    return Door(
        host=host,
        port=port,
        key=settings.master_key,
        metrics_open=settings.metrics_open,
        temporal=measured.page,
    )
