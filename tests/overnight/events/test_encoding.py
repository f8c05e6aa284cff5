"""The schema of events is what its documentation says, field by field."""

import json
import re
from pathlib import Path

import yaml

from overnight.config import load_settings
from overnight.domain.event import SCHEMA_VERSION, EventType
from overnight.events.encoding import as_document, as_json
from overnight.events.gen_ai import event_attributes
from overnight.events.settings import OtlpSettings
from tests.overnight.events.happenings import event, failure

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "logging.md"


def section(title: str) -> str:
    return DOCUMENTATION.read_text().split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_field_is_documented_and_none_that_is_not_there() -> None:
    rows = [line.split("|")[1] for line in section("The fields").splitlines() if line.startswith("| `")]
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert documented == list(as_document(event()))


def test_the_parts_of_a_field_are_documented_too() -> None:
    told = as_document(event())
    for name in ("request_counts", "usage", "durations"):
        (row,) = [line for line in section("The fields").splitlines() if line.startswith(f"| `{name}`")]
        assert set(told[name]) <= set(re.findall(r"`(\w+)`", row))
    (row,) = [line for line in section("The fields").splitlines() if line.startswith("| `cost_by_model`")]
    assert set(told["cost_by_model"][0]) <= set(re.findall(r"`(\w+)`", row))
    assert set(as_document(failure())["error"]) == {"code", "count"}


def test_every_event_is_documented_with_the_schemas_version() -> None:
    text = DOCUMENTATION.read_text()
    assert all(f"| `{kind.value}` |" in text for kind in EventType)
    assert f"version {SCHEMA_VERSION}" in text


def test_the_cost_of_models_adds_up_to_that_of_the_batch() -> None:
    told = as_document(event())
    (entry,) = told["cost_by_model"]
    assert entry == {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "requests": 2,
        "usage": told["usage"],
        "response_cost": told["response_cost"],
        "reason": None,
    }
    assert as_document(event(EventType.SUBMITTED))["cost_by_model"] is None
    assert event_attributes(event())["overnight.cost_by_model"] == json.dumps([entry], separators=(",", ":"))


def test_an_event_is_one_line_of_json() -> None:
    line = as_json(event())
    assert b"\n" not in line
    told = json.loads(line)
    assert (told["at"], told["batch_created_at"]) == (
        "2026-03-02T01:02:00.000000Z",
        "2026-03-01T22:00:00.000000Z",
    )


def test_the_configurations_in_the_documentation_can_be_used(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block)
        environ = dict.fromkeys(re.findall(r"os\.environ/(\w+)", block), "whsec_MDEyMw==")
        settings = load_settings(path, data_dir=tmp_path, environ=environ)
        listed = [entry for entry in yaml.safe_load(block)["event_sinks"] if entry["type"] != "log"]
        assert len(settings.sinks) == len(listed)
    urls = {name: sink.url for name, sink in settings.sinks.items() if isinstance(sink, OtlpSettings)}
    assert urls["grafana"] == "https://otlp-gateway-prod-eu-west-0.grafana.net/otlp/v1/logs"
    assert urls["langfuse"] == "https://cloud.langfuse.com/api/public/otel/v1/traces"
