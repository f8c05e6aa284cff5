"""`overnight gateway` and `overnight worker`: the parts that `serve` runs, for many machines.

Temporal is found by the SDK's own variables (TEMPORAL_ADDRESS and the like) unless an address is given.
"""

import asyncio
import os
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.lifeline import follow_parent
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
from overnight.config import DEFAULT_GATEWAY_PORT, Settings, environment, load_settings
from overnight.config.addresses import is_loopback
from overnight.domain.errors import InvalidConfig, OvernightError
from overnight.logs import configure_logging

TemporalAddress = Annotated[
    str | None, typer.Option(help="Temporal as host:port; otherwise where TEMPORAL_ADDRESS and profiles say.")
]


def gateway(
    *,
    config: Config = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_GATEWAY_PORT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    temporal_address: TemporalAddress = None,
    log_level: Log = LogLevel.INFO,
) -> None:
    """Run a gateway: HTTP in, workflows started, rows read."""
    _begin("gateway", config, log_level)
    with told_plainly(OvernightError, OSError):
        settings = settings_of(config, data_dir=data_dir, port=port)
        refuse_open_door(settings, host)
        from api.server import serve_gateway  # noqa: PLC0415 - only this command needs FastAPI
        from workflows.connecting import connect  # noqa: PLC0415 - nor do client commands need Temporal

        _run(
            serve_gateway(
                settings, host=host, port=port, connect=partial(connect, temporal_address, lazy=True)
            )
        )


def worker(
    *,
    queue: Annotated[list[str] | None, typer.Option(help="Only this task queue; may be repeated.")] = None,
    config: Config = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    temporal_address: TemporalAddress = None,
    log_level: Log = LogLevel.INFO,
) -> None:
    """Run a worker: it does what batches need done, on all task queues or some."""
    _begin("worker", config, log_level)
    with told_plainly(OvernightError, OSError):
        settings = settings_of(config, data_dir=data_dir, port=DEFAULT_GATEWAY_PORT)
        from workflows import queues  # noqa: PLC0415 - client commands need no Temporal

        if unknown := sorted(set(queue or ()) - set(queues.ALL)):
            raise typer.BadParameter(
                f"{unknown[0]}: there are {' and '.join(queues.ALL)}", param_hint="--queue"
            )
        from workers.run import run_worker  # noqa: PLC0415 - see above
        from workers.scratch import scratch_beside  # noqa: PLC0415 - see above

        with scratch_beside(settings.data_dir, environ=os.environ):
            _run(run_worker(settings, temporal_address=temporal_address, only=queue))


def settings_of(config: Path | None, *, data_dir: Path, port: int) -> Settings:
    """Return the settings, with a data folder that does not depend on where a process runs."""
    return load_settings(config, data_dir=data_dir.absolute(), environ=os.environ, gateway_port=port)


def refuse_open_door(settings: Settings, host: str) -> None:
    """Raise InvalidConfig where others could come in and there is no key to keep them out."""
    if settings.master_key is None and not is_loopback(host):
        raise InvalidConfig(
            f"without a master key the gateway listens on loopback only, not on {host}: set "
            "general_settings.master_key, or leave --host out."
        )


def take_environment(config: Path | None) -> None:
    """Let a `.env` file speak to everything in this process and its children, Temporal's SDK included."""
    os.environ.update(environment(config, os.environ))


def keep_to_ourselves() -> None:
    """Let nobody else on this machine read what this process and its children write: prompts, answers."""
    os.umask(0o077)


def _begin(name: str, config: Path | None, log_level: LogLevel) -> None:
    keep_to_ourselves()
    follow_parent()
    take_environment(config)
    configure_logging(process=name, level=log_level)


def _run(main: Coroutine[None, None, None]) -> None:
    import uvloop  # noqa: PLC0415 - client commands have no event loop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
