"""LiteLLM's `success_callback`, `failure_callback` and `callbacks`: which sinks these names stand for.

What exists here is used from here. Any other logging callback is LiteLLM's own, where it is installed; a
file that works with LiteLLM starts here in any case, so what can't be had is a warning.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from overnight.config import litellm
from overnight.config.buckets import read_storage
from overnight.config.document import Place
from overnight.config.otlp import BASES, otlp_from_environment
from overnight.config.reading import Reading
from overnight.config.schema import LitellmSection, StorageParams
from overnight.events.settings import LitellmSettings, ObjectsSettings, SinkSettings
from overnight.storage.settings import AzureBlobSettings, BucketSettings, GcsSettings, LocalStorageSettings

_SECTION = "litellm_settings"
_S3_PARAMS = "s3_callback_params"
_UNSET = "{where}: {name} gets no events, because {variable} is not set."
_NO_LITELLM = "{where}: {names} get no events: they are LiteLLM's own; pip install 'overnight[litellm]'."
_NOT_LOGGING = "{where}: these get no events, as they are no logging callbacks that work here: {names}."


def read_callbacks(reading: Reading, section: LitellmSection) -> list[tuple[Place, SinkSettings]]:
    """Return the sinks that the section names, each with its place."""
    successes = [*_names(section.success_callback), *_names(section.callbacks)]
    failures = [*_names(section.failure_callback), *_names(section.callbacks)]
    found: list[tuple[Place, SinkSettings]] = []
    others: list[str] = []
    for name in dict.fromkeys((*successes, *failures)):
        place: Place = (_SECTION, "success_callback" if name in successes else "failure_callback")
        if name in _OURS:
            found += ((place, sink) for sink in _OURS[name](reading, section, name))
        elif name in litellm.LOGGING_CALLBACKS and find_spec("litellm") is not None:
            told = LitellmSettings(
                name=name, callback=name, successes=name in successes, failures=name in failures
            )
            found.append((place, told))
        else:
            others.append(name)
    _warn(reading, others)
    return found


def _warn(reading: Reading, names: list[str]) -> None:
    logging = [name for name in names if name in litellm.LOGGING_CALLBACKS]
    strange = [name for name in names if name not in litellm.LOGGING_CALLBACKS]
    for told, template in ((logging, _NO_LITELLM), (strange, _NOT_LOGGING)):
        if told:
            reading.warnings.append(template.format(where=_SECTION, names=", ".join(told)))


def _otel(reading: Reading, _: LitellmSection, name: str) -> Iterator[SinkSettings]:
    sink = otlp_from_environment(reading.environ, name=name)
    if sink is not None:
        yield sink
    else:
        _unset(reading, name, BASES[0])


def _s3(reading: Reading, section: LitellmSection, name: str) -> Iterator[SinkSettings]:
    place = (_SECTION, _S3_PARAMS)
    given = section.s3_callback_params if isinstance(section.s3_callback_params, dict) else {}
    known = {key: value for key, value in given.items() if StorageParams.knows(str(key))}
    stored = read_storage(reading, known, place, data_dir=Path()).storage
    if isinstance(stored, LocalStorageSettings):
        reading.problem(place, "is missing: which bucket are events for? (s3_bucket_name)")
    else:
        yield ObjectsSettings(name=name, bucket=stored)


def _gcs(reading: Reading, _: LitellmSection, name: str) -> Iterator[SinkSettings]:
    bucket = reading.environ.get("GCS_BUCKET_NAME")
    if bucket is None:
        _unset(reading, name, "GCS_BUCKET_NAME")
        return
    account = reading.environ.get("GCS_PATH_SERVICE_ACCOUNT")
    yield from _stored(name, GcsSettings(bucket=bucket, credentials=account))


def _azure(reading: Reading, _: LitellmSection, name: str) -> Iterator[SinkSettings]:
    account, container = (
        reading.environ.get(f"AZURE_STORAGE_{what}") for what in ("ACCOUNT_NAME", "FILE_SYSTEM")
    )
    if account is None or container is None:
        missing = "ACCOUNT_NAME" if account is None else "FILE_SYSTEM"
        _unset(reading, name, f"AZURE_STORAGE_{missing}")
        return
    key = reading.environ.get("AZURE_STORAGE_ACCOUNT_KEY")
    settings = AzureBlobSettings(container=container, account_name=account, account_key=key)
    yield from _stored(name, settings)


def _stored(name: str, bucket: BucketSettings) -> Iterator[SinkSettings]:
    yield ObjectsSettings(name=name, bucket=bucket)


def _unset(reading: Reading, name: str, variable: str) -> None:
    reading.warnings.append(_UNSET.format(where=_SECTION, name=name, variable=variable))


def _names(given: object) -> list[str]:
    listed = given if isinstance(given, list) else [given] if given else []
    return [str(name) for name in listed]


_OURS = {"otel": _otel, "s3": _s3, "s3_v2": _s3, "gcs_bucket": _gcs, "azure_storage": _azure}
