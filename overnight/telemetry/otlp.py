"""Sending traces and metrics to a collector, as OpenTelemetry's own variables say, and stopping in time.

Everything is sent by threads of their own from bounded queues: a collector that is away, or hangs, costs what
it was not told and nothing else.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog
from prometheus_client.metrics_core import Metric

from overnight.telemetry import tracing
from overnight.telemetry.delivery import Delivery
from overnight.telemetry.switches import Switches

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

LAST_SENT_WITHIN = timedelta(seconds=2)
"""How long a process that stops goes on sending what it has not sent yet, for traces and metrics each."""

_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
_USUAL_INTERVAL = timedelta(seconds=60)

_log = structlog.stdlib.get_logger(__name__)


@contextmanager
def exporting(
    process: str,
    switches: Switches,
    *,
    environ: Mapping[str, str],
    families: Callable[[], Iterable[Metric]],
) -> Iterator[None]:
    """Send what the switches say while the block runs, and what is left then for a few seconds more.

    `process` is what this one is called; `families` returns its metrics, in a thread of its own.
    """
    for warning in switches.warnings:
        _log.warning("telemetry", says=warning)
    with ExitStack() as stack:
        if switches.traces or switches.metrics:
            # What goes wrong we say ourselves, once; theirs quote addresses, and come every few seconds.
            logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
            resource = _resource(process)
            if switches.traces:
                stack.enter_context(_traces(resource))
            if switches.metrics:
                stack.enter_context(_metrics(resource, families, interval=_interval(environ)))
        yield


@contextmanager
def _traces(resource: "Resource") -> Iterator[None]:
    # Imported for those who want them only: it takes its time.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - see above

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = Delivery(OTLPSpanExporter(), what="traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))  # type: ignore[arg-type]
    tracing.use(provider.get_tracer(tracing.SCOPE))
    try:
        yield
    finally:
        tracing.use(None)
        _within(LAST_SENT_WITHIN, provider.shutdown)
        # An export that goes on is broken off.
        exporter.shutdown()


@contextmanager
def _metrics(
    resource: "Resource", families: Callable[[], Iterable[Metric]], *, interval: timedelta
) -> Iterator[None]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - see above
        OTLPMetricExporter,
    )

    from overnight.telemetry.otlp_metrics import MetricsSender  # noqa: PLC0415 - see above

    exporter = Delivery(OTLPMetricExporter(), what="metrics")
    sender = MetricsSender(exporter, families=families, resource=resource, interval=interval)
    sender.start()
    try:
        yield
    finally:
        sender.stop(within=LAST_SENT_WITHIN)


def _resource(process: str) -> "Resource":
    """Return who is speaking. An operator's own words for it win."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - see above

    named = {
        "service.name": f"overnight-{process}",
        "service.version": version("overnight"),
        # Counters of two workers would be taken for one that jumps.
        "service.instance.id": str(uuid.uuid4()),
        "overnight.process": process,
    }
    return Resource.create({**named, **OTELResourceDetector().detect().attributes})


def _interval(environ: Mapping[str, str]) -> timedelta:
    try:
        return timedelta(milliseconds=max(100, int(environ.get(_INTERVAL, ""))))
    except ValueError:
        return _USUAL_INTERVAL


def _within(limit: timedelta, work: Callable[[], None]) -> None:
    working = threading.Thread(target=work, name="overnight-telemetry", daemon=True)
    working.start()
    working.join(limit.total_seconds())
