"""Prometheus's families as OTLP has them, and a thread that sends them from time to time."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import structlog
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as OtlpMetric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from overnight.telemetry.delivery import Exporting
from overnight.telemetry.tracing import SCOPE

_UNITS = {"seconds": "s", "bytes": "By"}

_Labels = tuple[tuple[str, str], ...]

_log = structlog.stdlib.get_logger(__name__)


class MetricsSender:
    """Sends what `families` returns every `interval`, and once more when it is stopped.

    A daemon thread of its own: a collector that hangs holds up nobody, and no process that ends.
    """

    def __init__(
        self,
        exporter: Exporting,
        *,
        families: Callable[[], Iterable[Metric]],
        resource: Resource,
        interval: timedelta,
    ) -> None:
        self._exporter = exporter
        self._families = families
        self._resource = resource
        self._interval = interval.total_seconds()
        self._began = time.time_ns()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overnight-metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, within: timedelta) -> None:
        """Send once more and end; whatever has not been sent by then is given up."""
        self._stopping.set()
        self._thread.join(within.total_seconds())
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._send()
        self._send()

    def _send(self) -> None:
        try:
            self._exporter.export(as_otlp(self._families(), resource=self._resource, began=self._began))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next numbers are to be sent
            _log.debug("metrics were not sent", reason=type(error).__name__)


def as_otlp(families: Iterable[Metric], *, resource: Resource, began: int) -> MetricsData:
    """Return families as OTLP has them; `began`, in nanoseconds, is since when counters count."""
    now = time.time_ns()
    metrics = [metric for family in families if (metric := _metric(family, began=began, now=now))]
    scope = ScopeMetrics(scope=InstrumentationScope(SCOPE), metrics=metrics, schema_url="")
    return MetricsData([ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _metric(family: Metric, *, began: int, now: int) -> OtlpMetric | None:
    data: Sum | Gauge | Histogram
    match family.type:
        case "counter":
            points = [_number(sample, began=began, now=now) for sample in family.samples]
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        case "histogram":
            histograms = list(_histograms(family.samples, began=began, now=now))
            data = Histogram(histograms, AggregationTemporality.CUMULATIVE)
        case _:
            data = Gauge([_number(sample, began=None, now=now) for sample in family.samples])
    if not data.data_points:
        return None
    unit = _UNITS.get(family.name.rpartition("_")[2], "")
    return OtlpMetric(name=family.name, description=family.documentation, unit=unit, data=data)


def _number(sample: Sample, *, began: int | None, now: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=dict(sample.labels),
        start_time_unix_nano=began or 0,
        time_unix_nano=now,
        value=float(sample.value),
    )


def _histograms(samples: Iterable[Sample], *, began: int, now: int) -> Iterator[HistogramDataPoint]:
    series: dict[_Labels, list[Sample]] = {}
    for sample in samples:
        labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
        series.setdefault(labels, []).append(sample)
    for labels, of_one in series.items():
        yield _histogram(labels, of_one, began=began, now=now)


def _histogram(labels: _Labels, samples: list[Sample], *, began: int, now: int) -> HistogramDataPoint:
    up_to = sorted((float(s.labels["le"]), int(s.value)) for s in samples if s.name.endswith("_bucket"))
    # Prometheus counts what is below a bound, OTLP what is between two of them.
    counts = [count - before for (_, count), before in zip(up_to, [0, *(n for _, n in up_to)], strict=False)]
    return HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=up_to[-1][1] if up_to else 0,
        sum=next((float(s.value) for s in samples if s.name.endswith("_sum")), 0.0),
        bucket_counts=counts,
        explicit_bounds=[bound for bound, _ in up_to[:-1]],
        # Nobody has kept them. OTLP can leave them out, although the SDK's type does not say so.
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
    )
