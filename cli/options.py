"""Options that several commands share, and how their errors are told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

INTERRUPTED = 130
"""What a shell calls the exit code of a command that Ctrl-C ended."""

DEFAULT_URL = "http://127.0.0.1:4000"
DEFAULT_API_KEY = "sk-1234"
"""Without a master key the gateway takes any bearer."""


class LogLevel(StrEnum):
    """The least important of what is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Url = Annotated[str, typer.Option("--url", envvar="OVERNIGHT_URL", help="Where the gateway is.")]
ApiKey = Annotated[
    str,
    typer.Option("--api-key", envvar="OVERNIGHT_API_KEY", help="The key to show it.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what the gateway says, one JSON object a line.")]
BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch, as in batch_….", show_default=False)]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="config.yaml; without one, the usual environment variables."),
]
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="OVERNIGHT_DATA_DIR", help="Where everything is kept."),
]
Host = Annotated[str, typer.Option("--host", help="The address the gateway listens on.")]
Port = Annotated[int, typer.Option("--port", help="The port the gateway listens on.", min=1, max=65_535)]
Log = Annotated[LogLevel, typer.Option("--log-level", envvar="OVERNIGHT_LOG_LEVEL", help="What to log.")]
TemporalAddress = Annotated[
    str | None,
    typer.Option(help="Temporal as host:port, whatever TEMPORAL_ADDRESS and profiles say of that."),
]
EmbeddedTemporal = Annotated[
    str | None, typer.Option(hidden=True, help="The embedded Temporal of `serve`, as host:port.")
]

DEFAULT_DATA_DIR = Path(".overnight")
_WIDE = 200
DEFAULT_HOST = "127.0.0.1"


def stdout() -> Console:
    """Return the console for what was asked for; off a terminal its lines are wide enough for a table."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDE)


def stderr() -> Console:
    """Return the console for what is said to a person, beside what goes to stdout."""
    return Console(stderr=True, highlight=False)


@contextmanager
def told_plainly(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of these kinds into a line on stderr and exit code 1."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read what we print has gone, as `| head` does. There is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(1) from None
    except kinds as error:
        stderr().print(f"overnight: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
