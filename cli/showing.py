"""Batches for people: tables, and the few lines that stand at the end of one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.views import BatchView, EstimateView, TokenRangeView

_COLOURS = {
    "completed": "green",
    "failed": "red",
    "expired": "yellow",
    "cancelled": "yellow",
    "cancelling": "yellow",
}
SHOWN_FAULTS = 20

_ID_WIDTH = len("batch_") + 32
"""An id that is cut short is of no use to the next command."""

_STATUS_WIDTH = len("in_progress")
_COUNT_WIDTH = 9


def batch_table(batches: Iterable[BatchView]) -> Table:
    """Return a table with a row for each batch."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("ID", no_wrap=True, min_width=_ID_WIDTH)
    table.add_column("STATUS", no_wrap=True, min_width=_STATUS_WIDTH)
    for column in ("DONE", "FAILED"):
        table.add_column(column, no_wrap=True, justify="right", min_width=_COUNT_WIDTH)
    for column in ("CREATED", "MODEL"):
        table.add_column(column, no_wrap=True)
    for batch in batches:
        counts = batch.request_counts
        table.add_row(
            Text(batch.id),
            _coloured(batch.status),
            f"{counts.done}/{counts.total}",
            str(counts.failed),
            _moment(batch.created_at),
            Text(batch.model or ""),
        )
    return table


def batch_details(batch: BatchView) -> Table:
    """Return a table with a row for each thing there is to say of a batch."""
    counts, usage = batch.request_counts, batch.usage
    facts = {
        "id": batch.id,
        "status": _coloured(batch.status),
        "waiting on": batch.overnight.waiting_on,
        "lines": f"{counts.done} of {counts.total} done, {counts.failed} of them failed",
        "model": batch.model,
        "endpoint": batch.endpoint,
        "tokens": f"{usage.input_tokens} in, {usage.output_tokens} out" if usage else None,
        "cost": f"${batch.overnight.cost_usd}" if batch.overnight.cost_usd else None,
        "created": _moment(batch.created_at),
        "took": _duration(batch.took) if batch.took is not None else None,
        "window ends": _moment(batch.expires_at) if batch.expires_at and not batch.ended else None,
        "input file": batch.input_file_id,
        "output file": batch.output_file_id,
        "error file": batch.error_file_id,
        **{f"metadata.{key}": value for key, value in (batch.metadata or {}).items()},
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        if fact:
            # Not markup: a model may be called [red].
            table.add_row(Text(name), Text(fact) if isinstance(fact, str) else fact)
    return table


def print_estimate(console: Console, estimate: EstimateView) -> None:
    """Print what a batch may use and cost, and how far that may be off."""
    cost, error = estimate.cost_usd, estimate.input_error
    count = error.measured_on_batches
    measured = f"measured on {count} {'batch' if count == 1 else 'batches'}" if count else "assumed"
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True, style="bold")
    for column in ("AT LEAST", "LIKELY", "AT MOST"):
        table.add_column(column, no_wrap=True, justify="right")
    table.add_row("tokens in", *_told(estimate.input_tokens))
    table.add_row("tokens out", *_told(estimate.output_tokens))
    if cost is not None:
        table.add_row(
            "cost", f"${cost.low}", *(f"${each}" if each else "?" for each in (cost.likely, cost.high))
        )
    console.print(table)
    told = f"{estimate.requests:,} requests for {estimate.model}. Real input was off by"
    told = f"{told} {error.low:+.0%} to {error.high:+.0%} ({measured})."
    console.print(f"{told} {estimate.reason or ''}".strip(), markup=False, soft_wrap=True)


def _told(tokens: TokenRangeView) -> list[str]:
    return ["?" if each is None else f"{each:,}" for each in (tokens.low, tokens.likely, tokens.high)]


def print_faults(console: Console, batch: BatchView) -> None:
    """Print what is wrong with a batch's input, if anything is, up to a bound."""
    faults = batch.errors.data if batch.errors else []
    for fault in faults[:SHOWN_FAULTS]:
        where = f"line {fault.line}: " if fault.line else ""
        console.print(f"  {where}{fault.message} ({fault.code})", style="red", markup=False, highlight=False)
    unseen = max(batch.overnight.errors_total, len(faults)) - SHOWN_FAULTS
    if unseen > 0:
        console.print(f"  … and {unseen} more", style="red")


def print_summary(console: Console, batch: BatchView) -> None:
    """Print how a batch ended, in a line or two."""
    counts, usage = batch.request_counts, batch.usage
    parts = [f"{counts.completed} of {counts.total} lines answered"]
    if counts.failed:
        parts.append(f"{counts.failed} failed")
    if usage:
        parts.append(f"{usage.input_tokens} tokens in, {usage.output_tokens} out")
    if batch.overnight.cost_usd:
        parts.append(f"${batch.overnight.cost_usd}")
    if batch.took is not None:
        parts.append(f"took {_duration(batch.took)}")
    console.print(
        f"{batch.id} {_coloured(batch.status)}: {', '.join(parts)}", highlight=False, soft_wrap=True
    )
    print_faults(console, batch)


def _coloured(status: str) -> Text:
    return Text(status, style=_COLOURS.get(status, "cyan"))


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _duration(duration: timedelta) -> str:
    return str(duration)
