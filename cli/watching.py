"""Waiting for a batch in front of a progress bar, through restarts of the gateway."""

import sys
import time
from datetime import timedelta

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cli.client import GatewayBusy, GatewayClient, GatewayUnreachable
from cli.views import BatchView

FIRST_PAUSE = timedelta(seconds=0.3)
LONGEST_PAUSE = timedelta(seconds=5)
GROWTH = 1.2


class LeftRunning(Exception):
    """The person stopped waiting; the batch runs on."""


def watch(client: GatewayClient, batch_id: str, *, console: Console) -> BatchView:
    """Return the batch when it has ended.

    Ctrl-C leaves it running (LeftRunning) or cancels it, whichever the person says; off a terminal it is
    left running. A gateway that is away is waited for, unless it was away from the start.
    """
    batch = client.batch(batch_id)
    while True:
        try:
            return _watch_to_the_end(client, batch, console=console)
        except KeyboardInterrupt:
            if not _wants_cancel(console):
                raise LeftRunning(batch_id) from None
            batch = client.cancel(batch_id)


def _watch_to_the_end(client: GatewayClient, batch: BatchView, *, console: Console) -> BatchView:
    pause = FIRST_PAUSE
    with _bar(console) as progress:
        task = progress.add_task(batch.status, total=None, rate="")
        while not _shown(progress, task, batch).ended:
            time.sleep(pause.total_seconds())
            status = batch.status
            batch = _look(client, batch, progress=progress, task=task)
            # Where one status is short, the next one may be as well.
            pause = FIRST_PAUSE if batch.status != status else min(pause * GROWTH, LONGEST_PAUSE)
    return batch


def _look(client: GatewayClient, batch: BatchView, *, progress: Progress, task: TaskID) -> BatchView:
    try:
        return client.batch(batch.id)
    except (GatewayUnreachable, GatewayBusy):
        progress.update(task, description=f"{batch.status} (the gateway does not answer, trying again)")
        return batch


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        # Off a terminal, a bar would be printed once, at its end, and the summary says that better.
        disable=not console.is_terminal,
    )


def _shown(progress: Progress, task: TaskID, batch: BatchView) -> BatchView:
    counts = batch.request_counts
    waiting = f" (waiting on {batch.overnight.waiting_on})" if batch.overnight.waiting_on else ""
    progress.update(
        task,
        description=f"{batch.status}{waiting}",
        completed=counts.done,
        total=counts.total or None,
    )
    speed = progress.tasks[0].speed
    progress.update(task, rate=f"{speed:.1f} lines/s" if speed else "")
    return batch


def _wants_cancel(console: Console) -> bool:
    if not (console.is_terminal and sys.stdin.isatty()):
        return False
    try:
        answer = typer.prompt(
            "\nLeave the batch running, or cancel it? [leave/cancel]", default="leave", err=True
        )
    except (KeyboardInterrupt, typer.Abort):
        return False
    return str(answer).strip().lower().startswith("c")
