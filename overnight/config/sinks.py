"""`event_sinks` and the callbacks of `litellm_settings` → where events go."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from overnight.config import litellm
from overnight.config.addresses import fault_in
from overnight.config.buckets import read_storage
from overnight.config.callbacks import read_callbacks
from overnight.config.document import Place
from overnight.config.otlp import BASES, otlp_address, otlp_from_environment
from overnight.config.reading import Reading
from overnight.config.schema import (
    LitellmSection,
    LitellmSink,
    LogSink,
    ObjectsSink,
    OtlpSink,
    SinkEntry,
    WebhookSink,
)
from overnight.config.webhooks import can_sign
from overnight.events.settings import (
    LitellmSettings,
    LogSettings,
    ObjectsSettings,
    OtlpSettings,
    RemoteSettings,
    Signal,
    SinkSettings,
    WebhookSettings,
)
from overnight.storage.settings import LocalStorageSettings

_KINDS: dict[str, type[SinkEntry]] = {
    "log": LogSink,
    "otlp": OtlpSink,
    "webhook": WebhookSink,
    "objects": ObjectsSink,
    "litellm": LitellmSink,
}
_NO_CONTENT = "only objects and otlp take prompts and answers"


class Sinks(NamedTuple):
    """Where events go: to the log or not, and to sinks that can be down, by their names."""

    logs: bool
    remote: dict[str, RemoteSettings]


def read_sinks(reading: Reading, entries: Sequence[object] | None, section: LitellmSection) -> Sinks:
    """Return the sinks. Without a list of them the log is one; LiteLLM's callbacks come to either."""
    found: list[tuple[Place, SinkSettings]] = []
    for position, raw in enumerate(entries or ()):
        place: Place = ("event_sinks", position)
        sink = _read(reading, raw, place)
        if sink is not None:
            found.append((place, sink))
    logs = entries is None or any(isinstance(sink, LogSettings) for _, sink in found)
    found += read_callbacks(reading, section)
    return Sinks(logs, dict(_named(reading, found)))


def _named(
    reading: Reading, found: Sequence[tuple[Place, SinkSettings]]
) -> Iterator[tuple[str, RemoteSettings]]:
    taken: set[str] = set()
    for place, sink in found:
        if sink.name in taken:
            reading.problem(place, f"another sink is called `{sink.name}`; give one of them a `name`")
        taken.add(sink.name)
        if not isinstance(sink, LogSettings):
            yield sink.name, sink


def _read(reading: Reading, raw: object, place: Place) -> SinkSettings | None:
    entry = _entry(reading, raw, place)
    if entry is None:
        return None
    name = entry.name or entry.type
    match entry:
        case OtlpSink():
            return _otlp(reading, entry, place, name=name)
        case WebhookSink():
            return _webhook(reading, entry, place, name=name)
        case ObjectsSink():
            return _objects(reading, entry, place, name=name)
        case LitellmSink():
            return _litellm(reading, entry, place)
        case _:
            return LogSettings(name=name)


def _entry(reading: Reading, raw: object, place: Place) -> SinkEntry | None:
    named = raw.get("type") if isinstance(raw, dict) else None
    kind = _KINDS.get(str(named))
    if kind is None:
        reading.problem((*place, "type"), f"should be one of {', '.join(_KINDS)}")
        return None
    entry = reading.section(kind, raw, place)
    if entry and entry.log_content and not isinstance(entry, ObjectsSink | OtlpSink):
        reading.problem((*place, "log_content"), _NO_CONTENT)
    return entry


def _otlp(reading: Reading, entry: OtlpSink, place: Place, *, name: str) -> OtlpSettings | None:
    signal = Signal(entry.signal)
    headers = reading.texts(entry.headers, (*place, "headers"))
    resource = reading.texts(entry.resource, (*place, "resource"))
    usual = otlp_from_environment(reading.environ, name=name, signal=signal)
    if entry.endpoint is not None:
        # What the environment has is for the environment's endpoint: keys in it are nobody else's.
        usual = OtlpSettings(name=name, url=otlp_address(entry.endpoint, signal), signal=signal)
    if usual is None:
        what = f"is missing, and the environment variable {BASES[0]} is not set"
        reading.problem((*place, "endpoint"), what)
        return None
    if fault_in(usual.url):
        reading.problem((*place, "endpoint"), "should be a URL, as in https://host:4318")
    return replace(
        usual,
        headers={**usual.headers, **headers},
        resource={**usual.resource, **resource},
        log_content=entry.log_content,
    )


def _webhook(reading: Reading, entry: WebhookSink, place: Place, *, name: str) -> WebhookSettings:
    if not entry.url.startswith(("http://", "https://")):
        reading.problem((*place, "url"), "should be a URL, as in https://host/path")
    if not can_sign(entry.secret):
        reading.problem((*place, "secret"), "should be base64, as in whsec_…")
    return WebhookSettings(name=name, url=entry.url, secret=entry.secret)


def _objects(reading: Reading, entry: ObjectsSink, place: Place, *, name: str) -> ObjectsSettings | None:
    where = (*place, "storage")
    stored = read_storage(reading, entry.storage, where, data_dir=Path())
    if isinstance(stored.storage, LocalStorageSettings):
        reading.problem(where, "should name a bucket, with the keys of batch_storage_params")
        return None
    return ObjectsSettings(name=name, bucket=stored.storage, log_content=entry.log_content)


def _litellm(reading: Reading, entry: LitellmSink, place: Place) -> LitellmSettings:
    if entry.callback not in litellm.LOGGING_CALLBACKS:
        known = ", ".join(sorted(litellm.LOGGING_CALLBACKS))
        reading.problem((*place, "callback"), f"is none of LiteLLM's that can be called: {known}")
    if find_spec("litellm") is None:
        reading.problem(place, "LiteLLM is not installed: pip install 'overnight[litellm]'")
    return LitellmSettings(name=entry.name or entry.callback, callback=entry.callback)
