"""docs/metrics.md lists the metrics that there are, and a page is made whatever changes meanwhile."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from overnight.domain.overview import Overview
from overnight.telemetry import metrics
from overnight.telemetry.metrics import GatewayCollector

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"\| `(overnight_\w+)` \| (\w+) \|(.*?)\| ")
SEEN = Overview()


def documented() -> dict[str, tuple[str, set[str]]]:
    """Return the type and the labels of each metric; what stands behind a colon are a label's values."""
    rows = [found.groups() for line in DOCUMENTATION.read_text().splitlines() if (found := ROW.match(line))]
    return {name: (kind, set(re.findall(r"`(\w+)`", told.partition(":")[0]))) for name, kind, told in rows}


def shown() -> dict[str, Metric]:
    gateway = GatewayCollector()
    gateway.show(SEEN)
    gateway.show_worker(up=True)
    return {family.name: family for family in gateway.collect()}


def test_every_metric_is_documented_with_its_type_and_its_labels_and_no_other_is() -> None:
    own = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    counted = {
        each._name + ("_total" if each._type == "counter" else ""): (each._type, set(each._labelnames))
        for each in own
    }
    seen = {
        name: (family.type, {label for sample in family.samples for label in sample.labels})
        for name, family in shown().items()
    }
    assert documented() == {**counted, **seen}


def test_what_a_gateway_has_seen_is_told_whole_although_the_catalog_is_lost_meanwhile() -> None:
    gateway = GatewayCollector()
    gateway.show(SEEN)
    told = iter(gateway.collect())
    up = next(iter(told))
    gateway.show(None)
    assert up.samples[0].value == 1
    assert "overnight_running_lines" in {family.name for family in told}
    (down,) = gateway.collect()
    assert down.samples[0].value == 0
