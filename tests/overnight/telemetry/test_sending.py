"""Metrics on their way to a collector: one time that fails is not the last."""

from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from queue import Queue

import pytest
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from structlog.testing import capture_logs

from overnight.telemetry.delivery import Delivery
from overnight.telemetry.otlp_metrics import MetricsSender

PATIENCE = timedelta(seconds=60)


class Result(Enum):
    SUCCESS = 0
    FAILURE = 1


class Collector:
    """An exporter that does what is next on its list, and then succeeds."""

    def __init__(self, *fate: Result | Exception) -> None:
        self.came: Queue[MetricsData] = Queue()
        self._fate = list(fate)

    def export(self, data: MetricsData, /) -> Result:
        next_one = self._fate.pop(0) if self._fate else Result.SUCCESS
        if isinstance(next_one, Exception):
            raise next_one
        self.came.put(data)
        return next_one

    def shutdown(self) -> None:
        pass


def sender(collector: Collector, families: Iterable[Metric] | Exception) -> MetricsSender:
    fate = [families]

    def told() -> Iterable[Metric]:
        first = fate.pop() if fate else [GaugeMetricFamily("running", "Batches.", value=1)]
        if isinstance(first, Exception):
            raise first
        return first

    every = timedelta(milliseconds=1)
    resource = Resource.create({})
    return MetricsSender(
        Delivery(collector, what="metrics"), families=told, resource=resource, interval=every
    )


@pytest.mark.parametrize(
    ("collector", "families"),
    [
        (Collector(OSError("no such certificate")), []),
        (Collector(), ValueError("a page that is no page")),
    ],
    ids=["an exporter that raises", "a page that can't be read"],
)
def test_metrics_go_on_being_sent_after_a_surprise(
    collector: Collector, families: Iterable[Metric] | Exception
) -> None:
    sending = sender(collector, families)
    sending.start()
    came = [collector.came.get(timeout=PATIENCE.total_seconds()) for _ in range(3)]
    sending.stop(within=PATIENCE)
    assert came[-1].resource_metrics[0].scope_metrics[0].metrics[0].name == "running"


def test_a_collector_that_is_away_is_two_lines_of_the_log() -> None:
    away = [Result.FAILURE, OSError("still away"), Result.FAILURE]
    delivery = Delivery(Collector(*away), what="traces")
    with capture_logs() as logged:
        for fate in away:
            if isinstance(fate, Exception):
                with pytest.raises(OSError, match="still away"):
                    delivery.export(None)
            else:
                delivery.export(None)
        delivery.export(None)
        delivery.export(None)
    assert [line["event"] for line in logged] == [
        "telemetry can't be delivered",
        "telemetry is delivered again",
    ]
