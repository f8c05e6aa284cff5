"""`overnight check`: says what is wrong with a config, before it matters."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.options import DEFAULT_DATA_DIR, DataDir, Port, stderr, stdout, told_plainly
from overnight.config import DEFAULT_GATEWAY_PORT, BucketStorageSettings, Settings, load_settings
from overnight.domain.errors import InvalidConfig


def check(
    config: Annotated[Path | None, typer.Argument(help="The file; without one, the environment.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port: Port = DEFAULT_GATEWAY_PORT,
) -> None:
    """Say what is wrong with CONFIG, and what is understood of it. Exit code 1 if it can't be used."""
    with told_plainly(InvalidConfig):
        settings = load_settings(config, data_dir=data_dir.absolute(), environ=os.environ, gateway_port=port)
    console = stdout()
    console.print(_models(settings))
    console.print(f"bytes in   {_bytes_in(settings)}", markup=False, soft_wrap=True)
    console.print(f"rows in    {settings.database_url}", markup=False, soft_wrap=True)
    console.print(f"master key {'set' if settings.master_key else 'none: loopback only, any key is taken'}")
    for warning in settings.warnings:
        stderr().print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)


def _models(settings: Settings) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("MODEL", "RUNS AS", "AT", "AT ONCE"):
        table.add_column(column, overflow="fold")
    for each in settings.deployments:
        bounds = [f"{each.max_parallel_requests}"]
        bounds += [f"{each.rpm} rpm"] if each.rpm else []
        bounds += [f"{each.tpm} tpm"] if each.tpm else []
        default = " (default)" if each.model_name == settings.default_model else ""
        runs_as = f"{each.provider}/{each.model}"
        table.add_row(f"{each.model_name}{default}", runs_as, each.api_base, ", ".join(bounds))
    return table


def _bytes_in(settings: Settings) -> str:
    storage = settings.storage
    if isinstance(storage, BucketStorageSettings):
        return f"the {storage.kind} bucket '{storage.bucket}', which this version can't use"
    return str(storage.root)
