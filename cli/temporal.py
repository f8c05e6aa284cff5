"""`overnight temporal`: what a Temporal of your own needs before batches run in it."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Config, TemporalAddress, stdout, told_plainly
from cli.parts import asking_temporal, take_environment
from overnight.domain.errors import OvernightError

if TYPE_CHECKING:
    from workflows.setting_up import Finding

app = typer.Typer(no_args_is_help=True, help="Prepare a Temporal of your own: a cluster, or Temporal Cloud.")


@app.callback()
def temporal() -> None:
    """Prepare a Temporal of your own: a cluster, or Temporal Cloud."""
    # With one command alone typer would leave its name out.


@app.command()
def setup(
    *,
    check: Annotated[bool, typer.Option("--check", help="Look only; change nothing.")] = False,
    retention: Annotated[
        int | None,
        typer.Option(help="Have histories kept for so many days; else they are only looked at.", min=1),
    ] = None,
    config: Config = None,
    temporal_address: TemporalAddress = None,
) -> None:
    """Register the search attributes and the schedule; say what is missing that we may not make.

    Exits with 1 while something is missing that batches need.
    """
    take_environment(config)
    with told_plainly(OvernightError, OSError):
        kept_for = None if retention is None else timedelta(days=retention)
        missing = asyncio.run(_set_up(temporal_address, change=not check, retention=kept_for))
    if missing:
        raise typer.Exit(1)


async def _set_up(address: str | None, *, change: bool, retention: timedelta | None) -> bool:
    """Print what is found; return whether something is missing."""
    from workflows.setting_up import set_up  # noqa: PLC0415 - client commands need no Temporal

    missing = False
    async with asking_temporal(address) as client:
        stdout().print(f"Temporal at {client.service_client.config.target_host}", markup=False)
        async for finding in set_up(client, change=change, retention=retention):
            _show(finding)
            missing = missing or finding.is_missing
    return missing


def _show(finding: "Finding") -> None:
    why = f" ({finding.why})" if finding.why else ""
    lines = [f"  {finding.state.value:8} {finding.what}{why}"]
    if finding.advice:
        lines += [
            "           An operator does it with one of:",
            *(f"             {each}" for each in finding.advice),
        ]
    stdout().print("\n".join(lines), markup=False, soft_wrap=True)
