"""`overnight check`: says what is wrong with a config, before it matters."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import schema_of
from cli.options import DEFAULT_DATA_DIR, DataDir, Port, stderr, stdout, told_plainly
from cli.parts import take_environment
from overnight.config import DEFAULT_GATEWAY_PORT, LocalStorageSettings, Settings, load_settings
from overnight.domain.database_url import is_postgres, shown_database
from overnight.domain.deployment import ANY_MODEL, BatchLane, Deployment
from overnight.domain.errors import CannotSign, CatalogUnavailable, InvalidConfig, StorageUnavailable
from overnight.storage.opening import opened, problem_with
from overnight.storage.settings import StorageSettings
from overnight.storage.signing import try_to_sign


def check(
    config: Annotated[Path | None, typer.Argument(help="The file; without one, the environment.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    port: Port = DEFAULT_GATEWAY_PORT,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no bucket and no database whether it can be used.")
    ] = False,
) -> None:
    """Say what is wrong with CONFIG, and what is understood of it. Exit code 1 if it can't be used."""
    with told_plainly(InvalidConfig):
        settings = load_settings(config, data_dir=data_dir.absolute(), environ=os.environ, gateway_port=port)
    console = stdout()
    console.print(_models(settings))
    console.print(f"bytes in   {_bytes_in(settings.storage)}", markup=False, soft_wrap=True)
    if settings.redirect_downloads:
        console.print("downloads  redirected to the bucket, by signed URLs")
    console.print(f"rows in    {shown_database(settings.database_url)}", markup=False, soft_wrap=True)
    console.print(f"master key {'set' if settings.master_key else 'none: loopback only, any key is taken'}")
    webhooks = "secret set" if settings.openai_webhook_secret else "no secret: none is taken"
    console.print(f"webhooks   {webhooks}")
    console.print(f"events to  {_events_to(settings)}", markup=False, soft_wrap=True)
    for warning in settings.warnings:
        _warn(warning)
    if not offline:
        take_environment(config)
        with told_plainly(InvalidConfig):
            asyncio.run(_try_out(settings, console))


async def _try_out(settings: Settings, console: Console) -> None:
    """Raise InvalidConfig unless rows can be read, and objects kept and removed in every bucket."""
    from overnight.providers import rows_buckets  # noqa: PLC0415 - other commands need no providers
    from overnight.providers.complaints import named  # noqa: PLC0415 - see above

    buckets = rows_buckets(settings.all_deployments)
    of_rows, of_storage, *of_buckets = await asyncio.gather(
        _problem_of_rows(settings), _problem(settings.storage), *(bucket.problem() for bucket in buckets)
    )
    problems = [of_rows] if of_rows else []
    problems += [f"{settings.storage} can't be used: {of_storage}"] if of_storage else []
    for bucket, problem in zip(buckets, of_buckets, strict=True):
        for each in bucket.deployments:
            rows = f"rows of {named(each)} in {bucket.settings.address}"
            if problem:
                problems.append(f"{rows}: {problem}")
            else:
                console.print(f"{rows}: ok", markup=False, soft_wrap=True)
    if problems:
        raise InvalidConfig("\n".join(problems))
    if settings.redirect_downloads:
        await _try_to_redirect(settings.storage)


async def _problem_of_rows(settings: Settings) -> str | None:
    """Say why PostgreSQL can't be used; None if it can, though perhaps not before its schema is upgraded."""
    # An SQLite file is made when it is first needed, as a folder is.
    if not is_postgres(settings.database_url):
        return None
    try:
        state = await schema_of(settings)
    except CatalogUnavailable as error:
        return f"{shown_database(settings.database_url)} can't be used: {error}"
    if state.problem:
        _warn(state.problem)
    return None


async def _problem(storage: StorageSettings) -> str | None:
    # A folder is made when it is first needed, and not to try it out.
    return None if isinstance(storage, LocalStorageSettings) else await problem_with(storage)


def _events_to(settings: Settings) -> str:
    return ", ".join([*(["the log"] if settings.logs_events else []), *settings.sinks]) or "nowhere"


def _bytes_in(storage: StorageSettings) -> str:
    prefix = "" if isinstance(storage, LocalStorageSettings) else storage.prefix
    return f"{storage}, below {prefix}/" if prefix else str(storage)


async def _try_to_redirect(storage: StorageSettings) -> None:
    """Warn where it can't be done. The configuration can be used all the same."""
    try:
        async with opened(storage) as store:
            await try_to_sign(store)
    except (CannotSign, StorageUnavailable) as error:
        _warn(f"redirect_downloads: downloads will come through the gateway all the same: {error.reason}")


def _warn(warning: str) -> None:
    stderr().print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)


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
