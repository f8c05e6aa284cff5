"""Reading the settings: from a file and the environment, or from the environment alone."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from dotenv import dotenv_values

from overnight.config.buckets import read_storage
from overnight.config.document import Document, read_document
from overnight.config.from_environment import environment_deployments
from overnight.config.models import read_deployments
from overnight.config.places import read_database_url
from overnight.config.reading import Reading
from overnight.config.schema import BatchSettings, GeneralSettings, LitellmSection, Top
from overnight.config.settings import Settings
from overnight.config.sinks import read_sinks
from overnight.config.vendors import OPENAI_KEYS
from overnight.config.webhooks import read_webhook_hosts, read_webhook_secret
from overnight.domain.deployment import ANY_MODEL

DEFAULT_GATEWAY_PORT = 4000
_DOTENV = ".env"
_NO_FILE = Document("the environment", {}, {}, ())

NO_MODELS = (
    "no model is configured, so every batch will fail: name a config.yaml with --config, or set {key}."
)
NOTHING_HERE = "{file}: these keys of LiteLLM's mean nothing here and are set aside: {keys}."


def load_settings(
    path: Path | None,
    *,
    data_dir: Path,
    environ: Mapping[str, str],
    gateway_port: int = DEFAULT_GATEWAY_PORT,
) -> Settings:
    """Return the settings of `path`, or of the environment alone when it is None.

    `data_dir` is where everything lives that the file puts nowhere else; `gateway_port` is the port that an
    `api_base` of this machine would make point at the gateway itself. Raises InvalidConfig, whose message
    lists every problem there is.
    """
    variables = environment(path, environ)
    document = read_document(path) if path else _NO_FILE
    return _from_document(document, variables, data_dir=data_dir, gateway_port=gateway_port)


def environment(path: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with what a `.env` beside the file, or else in the current folder, adds to it."""
    beside = path.parent / _DOTENV if path else Path(_DOTENV)
    found = beside if beside.is_file() else Path(_DOTENV)
    added = dotenv_values(found, interpolate=False) if found.is_file() else {}
    return {**{name: value for name, value in added.items() if value is not None}, **environ}


def _from_document(
    document: Document, variables: Mapping[str, str], *, data_dir: Path, gateway_port: int
) -> Settings:
    reading = Reading(document, variables)
    top = reading.section(Top, document.tree, ()) or Top()
    batch = reading.section(BatchSettings, top.batch_settings, ("batch_settings",)) or BatchSettings()
    general_place = ("general_settings",)
    general = reading.section(GeneralSettings, top.general_settings, general_place) or GeneralSettings()
    entries = top.model_list or []
    deployments = read_deployments(reading, entries, gateway_port=gateway_port)
    usual = environment_deployments(reading, beside=deployments)
    storage_place = ("batch_settings", "batch_storage_params")
    stored = read_storage(reading, batch.batch_storage_params, storage_place, data_dir=data_dir)
    database_place = (*general_place, "database_url")
    database_url = read_database_url(reading, general, database_place, data_dir=data_dir)
    secret_place = (*general_place, "openai_webhook_secret")
    webhook_secret = read_webhook_secret(reading, general.openai_webhook_secret, secret_place)
    sinks = read_sinks(reading, top.event_sinks, _litellm_section(reading, top))
    hosts_place = (*general_place, "webhook_allowed_hosts")
    webhook_hosts = read_webhook_hosts(reading, general.webhook_allowed_hosts, hosts_place)
    if entries or not usual:  # Without entries, the environment's deployments serve any name.
        _check_default_model(reading, batch.model, entries)
    _check_polling(reading, batch)
    reading.finish()
    return Settings(
        deployments=deployments,
        from_environment=usual,
        default_model=batch.model,
        storage=stored.storage,
        redirect_downloads=stored.redirect_downloads,
        database_url=database_url,
        master_key=general.master_key,
        openai_webhook_secret=webhook_secret,
        webhook_hosts=webhook_hosts,
        metrics_open=general.metrics_open,
        worker_metrics_port=general.worker_metrics_port,
        poll_initial=timedelta(seconds=batch.poll_initial_seconds),
        poll_max=timedelta(seconds=batch.poll_max_seconds),
        provider_calls_per_second=batch.provider_calls_per_second,
        logs_events=sinks.logs,
        sinks=sinks.remote,
        data_dir=data_dir,
        warnings=_warnings(reading, has_models=bool(deployments or usual)),
    )


def _litellm_section(reading: Reading, top: Top) -> LitellmSection:
    return reading.section(LitellmSection, top.litellm_settings, ("litellm_settings",)) or LitellmSection()


def _check_default_model(reading: Reading, model: str | None, entries: Sequence[object]) -> None:
    # Entries with problems count too: the name is right even where the rest is not.
    names = [str(entry.get("model_name")) for entry in entries if isinstance(entry, dict)]
    if model is None or model in names or ANY_MODEL in names:
        return
    nearest = difflib.get_close_matches(model, names, n=1)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
    reading.problem(("batch_settings", "model"), f"no entry of model_list has the name `{model}`{hint}")


def _check_polling(reading: Reading, batch: BatchSettings) -> None:
    if batch.poll_max_seconds < batch.poll_initial_seconds:
        reading.problem(
            ("batch_settings", "poll_max_seconds"),
            f"should be at least poll_initial_seconds, {batch.poll_initial_seconds:g}",
        )


def _warnings(reading: Reading, *, has_models: bool) -> tuple[str, ...]:
    warnings = list(reading.warnings)
    if reading.set_aside:
        keys = ", ".join(reading.set_aside)
        warnings.append(NOTHING_HERE.format(file=reading.document.name, keys=keys))
    if not has_models:
        warnings.append(NO_MODELS.format(key=OPENAI_KEYS[0]))
    return tuple(warnings)
