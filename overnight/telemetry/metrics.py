"""Every metric there is: its name, unit, labels and buckets. docs/metrics.md has them for people.

Counters bear no `_total` here, since the exposition adds it. A label takes few values: those of an enum, a
route's template, a configured name, or `model_label`, which has an end. One page bears the label `process`
as well, which says whose a sample is.
"""

from collections.abc import Iterable
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from overnight.domain.overview import Overview
from overnight.domain.status import BatchStatus

# When a series began is of no use to anybody, and would be a second series for each.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
"""What this process has done."""

ProcessCollector(registry=REGISTRY)

_counter = partial(Counter, registry=REGISTRY)
_gauge = partial(Gauge, registry=REGISTRY)
_histogram = partial(Histogram, registry=REGISTRY)

_MOMENTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STEPS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21_600)
_STAGES = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400)

HTTP_REQUESTS = _counter(
    "overnight_http_requests",
    "Requests that the gateway has answered.",
    ["method", "route", "status"],
)
HTTP_SECONDS = _histogram(
    "overnight_http_request_duration_seconds",
    "How long the gateway took, bodies included.",
    ["method", "route"],
    buckets=_MOMENTS,
)

BATCHES_FINISHED = _counter("overnight_batches_finished", "Batches that have ended.", ["status", "provider"])
LINES = _counter(
    "overnight_lines",
    "Lines of batches that were delivered, by how they ended.",
    ["provider", "model", "outcome"],
)
UNPRICED_LINES = _counter(
    "overnight_unpriced_lines",
    "Answers of batches that were delivered, of which nobody knows what they cost.",
    ["provider", "model"],
)
TOKENS = _counter(
    "overnight_tokens",
    "Tokens of batches that were delivered; every token is of one kind.",
    ["provider", "model", "kind"],
)
COST = _counter(
    "overnight_cost_usd",
    "US dollars that the answers of delivered batches cost.",
    ["provider", "model"],
)
STAGE_SECONDS = _histogram(
    "overnight_batch_stage_duration_seconds",
    "How long batches that have ended were in a stage, and `total`.",
    ["stage"],
    buckets=_STAGES,
)

ACTIVITY_SECONDS = _histogram(
    "overnight_activity_duration_seconds",
    "How long one try of a step took, by how it ended.",
    ["activity", "outcome"],
    buckets=_STEPS,
)
ACTIVITY_WAIT = _histogram(
    "overnight_activity_queue_wait_seconds",
    "How long a try of a step waited for a worker to take it.",
    ["activity"],
    buckets=_STEPS,
)
ACTIVITY_RETRIES = _counter(
    "overnight_activity_retries",
    "Tries of a step that are not its first. Those of a poll are looks, and are not counted.",
    ["activity"],
)

PROVIDER_REQUESTS = _counter(
    "overnight_provider_requests",
    "HTTP requests to providers' batch APIs, by the status of the answer, or `lost`, or `cancelled`.",
    ["provider", "operation", "status"],
)
PROVIDER_SECONDS = _histogram(
    "overnight_provider_request_duration_seconds",
    "How long providers' batch APIs took to answer, bodies included.",
    ["provider", "operation"],
    buckets=_MOMENTS,
)
PROVIDER_ERRORS = _counter(
    "overnight_provider_errors",
    "What providers did not do, and why; a line that was sent by itself has the verb `line`.",
    ["provider", "verb", "kind"],
)

LINE_LANE_LINES = _counter(
    "overnight_line_lane_lines",
    "Lines that this worker has an outcome for, as they come.",
    ["provider", "model", "outcome"],
)
LINE_LANE_TOKENS = _counter(
    "overnight_line_lane_tokens",
    "Tokens of the lines that this worker has an outcome for, as they come.",
    ["provider", "model"],
)
LINE_LANE_RETRIES = _counter(
    "overnight_line_lane_retries", "Lines that were sent again.", ["provider", "model"]
)
DEPLOYMENT_PAUSED = _gauge(
    "overnight_deployment_paused",
    "Deployments whose lines this worker sends nowhere, because they are down or asked for a pause.",
    ["provider", "model"],
)


class GatewayCollector(Collector):
    """What a gateway has seen of the catalog, and of a worker beside it. A worker's own page has none."""

    def __init__(self) -> None:
        self._overview: Overview | None = None
        self._asked = False
        self._worker_up: bool | None = None

    def show(self, overview: Overview | None) -> None:
        """Tell this from now on; None says that the catalog could not be read."""
        self._overview, self._asked = overview, True

    def show_worker(self, *, up: bool) -> None:
        """Tell from now on whether the worker beside this gateway has told its metrics."""
        self._worker_up = up

    def describe(self) -> Iterable[Metric]:
        """Leave the names to `collect`."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the gauges. What was seen before the catalog was lost is not told again."""
        # Read once: pages are made in threads, while the event loop goes on showing what it sees.
        overview = self._overview
        if self._asked:
            yield GaugeMetricFamily(
                "overnight_catalog_up",
                "1 if the gateway could read the catalog.",
                value=int(overview is not None),
            )
        if self._worker_up is not None:
            yield GaugeMetricFamily(
                "overnight_worker_metrics_up",
                "1 if the worker beside this gateway has told its metrics.",
                value=int(self._worker_up),
            )
        if overview is not None:
            yield from _catalog_gauges(overview)


GATEWAY = GatewayCollector()
REGISTRY.register(GATEWAY)


def _catalog_gauges(overview: Overview) -> Iterable[Metric]:
    batches = GaugeMetricFamily("overnight_batches", "Batches in the catalog.", labels=["status"])
    for status in BatchStatus:
        batches.add_metric([status.value], overview.batches.get(status, 0))
    yield batches
    lines = GaugeMetricFamily("overnight_running_lines", "Lines of batches that run.", labels=["state"])
    lines.add_metric(["done"], overview.running.done)
    lines.add_metric(["left"], overview.running.total - overview.running.done)
    yield lines
    yield GaugeMetricFamily(
        "overnight_waiting_batches", "Batches that say what they wait for.", value=overview.waiting
    )
    yield GaugeMetricFamily(
        "overnight_oldest_running_batch_age_seconds",
        "Age of the oldest batch that runs, 0 if there is none.",
        value=overview.oldest_age.total_seconds(),
    )
