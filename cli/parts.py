"""What the parts that `serve` runs, `gateway` and `worker`, have in common when they are started."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cli.lifeline import follow_parent
from cli.options import (
    LogLevel,
)
from overnight.config import Settings, environment, load_settings
from overnight.config.addresses import is_loopback
from overnight.domain.errors import InvalidConfig, TemporalUnavailable
from overnight.logs import configure_logging

if TYPE_CHECKING:
    from temporalio.client import Client

_SDK_ENDS_IN = timedelta(seconds=0.3)
"""What the SDK's own threads need to end in; a process that ends before them may crash (sdk-python #300)."""


def settings_of(config: Path | None, *, data_dir: Path, port: int) -> Settings:
    """Return the settings, with a data folder that does not depend on where a process runs."""
    return load_settings(config, data_dir=data_dir.absolute(), environ=os.environ, gateway_port=port)


def refuse_open_door(
    settings: Settings, host: str, *, what: str = "the gateway listens", option: str = "--host"
) -> None:
    """Raise InvalidConfig where others could come in and there is no key to keep them out."""
    if settings.master_key is None and not is_loopback(host):
        raise InvalidConfig(
            f"without a master key {what} on loopback only, not on {host}: set "
            f"general_settings.master_key, or leave {option} out."
        )


def take_environment(config: Path | None) -> None:
    """Let a `.env` file speak to everything in this process and its children, Temporal's SDK included."""
    os.environ.update(environment(config, os.environ))


def keep_to_ourselves() -> None:
    """Let nobody else on this machine read what this process and its children write: prompts, answers."""
    os.umask(0o077)


def begin(name: str, config: Path | None, log_level: LogLevel) -> None:
    """Set a part up: its environment, its logs, and its end when whoever started it is gone."""
    keep_to_ourselves()
    follow_parent()
    take_environment(config)
    configure_logging(process=name, level=log_level, trace_ids=_trace_ids())


def _trace_ids() -> Callable[[], Mapping[str, str]] | None:
    from overnight.telemetry.switches import read_switches  # noqa: PLC0415 - client commands have no traces

    if not read_switches(os.environ).traces:
        return None
    from overnight.telemetry.tracing import current_ids  # noqa: PLC0415 - see above

    return current_ids


@asynccontextmanager
async def asking_temporal(address: str | None) -> AsyncIterator["Client"]:
    """Give Temporal's client to a command that asks it a few things. Raises TemporalUnavailable."""
    from temporalio.service import RPCError  # noqa: PLC0415 - client commands need no Temporal

    from workflows.connecting import connect  # noqa: PLC0415 - see above

    client = await connect(address=address)
    try:
        yield client
    except RPCError as error:
        raise TemporalUnavailable(f"Temporal did not do it: {error.status.name}") from error
    finally:
        await asyncio.sleep(_SDK_ENDS_IN.total_seconds())


def run(main: Coroutine[None, None, None]) -> None:
    """Run a part to its end, on the loop that it is meant for."""
    import uvloop  # noqa: PLC0415 - client commands have no event loop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
