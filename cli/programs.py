"""Our own parts as programs for the supervisor to run, and what makes it stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from cli.supervisor import Program, ready_at_once

_CODE = Path(__file__).parent.parent


def part(
    name: str,
    command: str,
    *arguments: str,
    grace: timedelta,
    become_ready: Callable[[], Awaitable[None]] = ready_at_once,
    descriptors: Sequence[int] = (),
) -> Program:
    """Return `overnight <command> <arguments>` as a program that is called `name`."""
    paths = [str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return Program(
        name=name,
        arguments=(sys.executable, "-P", "-m", "cli", command, *arguments),
        grace=grace,
        # The very code this process runs, whatever lies about in the folder it was started in.
        environment={"PYTHONPATH": os.pathsep.join(paths)},
        become_ready=become_ready,
        descriptors=tuple(descriptors),
    )


def stop_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Return what is set by SIGTERM or Ctrl-C, and what a second one of them sets."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def heed() -> None:
        if stop.is_set():
            hurry.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, heed)
    return stop, hurry
