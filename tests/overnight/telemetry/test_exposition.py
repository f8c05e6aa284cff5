"""One page of several processes, and the same as OTLP has it."""

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from overnight.telemetry.exposition import Page, families_of, merged
from overnight.telemetry.otlp_metrics import as_otlp
from tests.ports import free_port

MODEL = 'a "night" {x}\u2028\\'
"""What a provider may call itself."""


def page(*, lines: int) -> str:
    registry = CollectorRegistry()
    Counter("lines", "Lines.", ["model"], registry=registry).labels(MODEL).inc(lines)
    Gauge("running", "Batches.", registry=registry).set(2)
    seconds = Histogram("took_seconds", "How long.", ["stage"], buckets=(1, 5), registry=registry)
    for took in (0.5, 3, 4, 60):
        seconds.labels("total").observe(took)
    return generate_latest(registry).decode()


def test_what_several_processes_tell_is_one_family_each() -> None:
    whole = merged({"gateway": [page(lines=1)], "worker": [page(lines=5)]}).decode()
    assert whole.count("# TYPE lines_total counter") == 1
    read = {family.name: family for family in families_of([whole])}
    assert {each.labels["process"]: each.value for each in read["lines"].samples} == {
        "gateway": 1,
        "worker": 5,
    }
    assert {each.labels["model"] for each in read["lines"].samples} == {MODEL}
    assert [each.labels for each in read["running"].samples] == [
        {"process": "gateway"},
        {"process": "worker"},
    ]
    assert len(read["took_seconds"].samples) == 2 * 5


def test_a_page_that_is_merged_once_more_says_whose_it_was() -> None:
    worker = merged({"worker": [page(lines=5), "# TYPE other gauge\nother{} 3\n"]}).decode()
    assert 'other{process="worker"} 3' in worker
    assert merged({"gateway": [worker]}).decode() == worker


async def test_a_page_that_nobody_serves_says_nothing() -> None:
    nobody = Page(f"http://127.0.0.1:{free_port()}/metrics")
    assert await nobody.text() is None
    assert nobody.text_now() is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/metrics", "http://[bad/metrics", "nonsense"])
async def test_a_page_whose_address_is_none_says_nothing(url: str) -> None:
    assert await Page(url).text() is None
    assert Page(url).text_now() is None


def test_otlp_tells_the_same_numbers() -> None:
    data = as_otlp(families_of([page(lines=7)]), resource=Resource.create({}), began=1)
    (scope,) = encode_metrics(data).resource_metrics[0].scope_metrics
    told = {metric.name: metric for metric in scope.metrics}
    (lines,) = told["lines"].sum.data_points
    assert (lines.as_double, told["lines"].sum.is_monotonic) == (7, True)
    assert told["running"].gauge.data_points[0].as_double == 2
    (took,) = told["took_seconds"].histogram.data_points
    assert (list(took.bucket_counts), list(took.explicit_bounds)) == ([1, 2, 1], [1, 5])
    assert (took.count, took.sum, told["took_seconds"].unit) == (4, 67.5, "s")
    assert took.start_time_unix_nano == 1
