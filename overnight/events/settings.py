"""Where events are to go: everything that a sink has to be told. What is secret is never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from overnight.storage.settings import BucketSettings


class Signal(StrEnum):
    """As what OTLP takes an event: a log record, or a span for products that take nothing but traces."""

    LOGS = "logs"
    TRACES = "traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Events become lines of the worker's own log."""

    name: str = "log"
    log_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings:
    """Events go to `url`, signal's path and all, as OTLP's protobuf over HTTP."""

    name: str
    url: str = field(repr=False)
    signal: Signal = Signal.LOGS
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    resource: Mapping[str, str] = field(default_factory=dict)
    log_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Events are posted to `url` as JSON, signed with `secret` as Standard Webhooks has it."""

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    log_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsSettings:
    """Events become objects of a bucket."""

    name: str
    bucket: BucketSettings
    log_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LitellmSettings:
    """Events go to one of LiteLLM's own logging callbacks, which is told of successes, failures or both."""

    name: str
    callback: str
    successes: bool = True
    failures: bool = True
    log_content: bool = False


RemoteSettings: TypeAlias = OtlpSettings | WebhookSettings | ObjectsSettings | LitellmSettings
"""Sinks that can be down."""

SinkSettings: TypeAlias = LogSettings | RemoteSettings
