"""`overnight check`: says what is wrong with a config, before it matters."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli.options import DEFAULT_DATA_DIR, DataDir, Port, stderr, stdout, told_plainly
from cli.parts import take_environment
from overnight.config import DEFAULT_GATEWAY_PORT, LocalStorageSettings, Settings, load_settings
from overnight.domain.deployment import ANY_MODEL, BatchLane, Deployment
from overnight.domain.errors import InvalidConfig, StorageUnavailable
from overnight.storage.opening import opened
from overnight.storage.settings import StorageSettings


def check(
    config: Annotated[Path | None, typer.Argument(help="The file; without one, the environment.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port: Port = DEFAULT_GATEWAY_PORT,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no bucket whether it can be used.")] = False,
) -> None:
    """Say what is wrong with CONFIG, and what is understood of it. Exit code 1 if it can't be used."""
    with told_plainly(InvalidConfig):
        settings = load_settings(config, data_dir=data_dir.absolute(), environ=os.environ, gateway_port=port)
    console = stdout()
    console.print(_models(settings))
    console.print(f"bytes in   {settings.storage}", markup=False, soft_wrap=True)
    console.print(f"rows in    {settings.database_url}", markup=False, soft_wrap=True)
    console.print(f"master key {'set' if settings.master_key else 'none: loopback only, any key is taken'}")
    webhooks = "secret set" if settings.openai_webhook_secret else "no secret: none is taken"
    console.print(f"webhooks   {webhooks}")
    for warning in settings.warnings:
        stderr().print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    if not (offline or isinstance(settings.storage, LocalStorageSettings)):
        take_environment(config)
        with told_plainly(InvalidConfig):
            asyncio.run(_try_out(settings.storage))


async def _try_out(storage: StorageSettings) -> None:
    """Raise InvalidConfig unless objects can be written, listed, read and removed."""
    try:
        async with opened(storage) as store:
            await store.check()
    except StorageUnavailable as error:
        raise InvalidConfig(f"{storage} can't be used: {error.reason}") from error


def _models(settings: Settings) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("MODEL", "RUNS AS", "LANE", "AT", "AT ONCE", "KEY FROM"):
        table.add_column(column, overflow="fold")
    for each in settings.deployments:
        default = " (default)" if each.model_name == settings.default_model else ""
        table.add_row(f"{each.model_name}{default}", *_running(each))
    for each in settings.from_environment:
        asked = each not in settings.deployments_for(ANY_MODEL)
        wanted = f" (custom_llm_provider={each.provider})" if asked else ""
        table.add_row(f"{each.model_name}{wanted}", *_running(each))
    return table


def _running(deployment: Deployment) -> tuple[str, ...]:
    runs_as = f"{deployment.provider}/{deployment.model}"
    return runs_as, deployment.lane, _address(deployment), _bounds(deployment), deployment.key_source


def _address(deployment: Deployment) -> str:
    if place := deployment.google:
        rows = f"gs://{place.bucket}/{place.prefix}".rstrip("/")
        return f"{deployment.api_base} (project {place.project}, {place.location}; rows in {rows})"
    version = f" (api-version {deployment.api_version})" if deployment.api_version else ""
    return f"{deployment.api_base}{version}"


def _bounds(deployment: Deployment) -> str:
    if deployment.lane is BatchLane.NATIVE:
        return "-"
    bounds = [f"{deployment.max_parallel_requests}"]
    bounds += [f"{deployment.rpm} rpm"] if deployment.rpm else []
    bounds += [f"{deployment.tpm} tpm"] if deployment.tpm else []
    return ", ".join(bounds)
