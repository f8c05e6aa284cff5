"""The trace of a batch, as a collector gets it: one tree, and nothing in it that is nobody's business."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.collector import Collector, ancestry, attributes
from tests.acceptance.inputs import create, upload, write_requests
from tests.acceptance.native import KEY as PROVIDER_KEY
from tests.acceptance.native import KEYS, Provider, config
from tests.acceptance.serving import KEY, Served, ended, results, until
from tests.acceptance.simulated import Endpoint
from tests.ports import free_port

LINES = 40
ENDPOINT_KEY = "sk-of-the-endpoint"
CREATED = "POST /batches"


def config_of_both(openai: Provider, endpoint: Endpoint) -> str:
    """`night` is run by a provider's batch API, `local` line by line."""
    tree = json.loads(config(openai))
    params = {"model": "hosted_vllm/local-7b", "api_base": endpoint.base_url, "api_key": ENDPOINT_KEY}
    tree["model_list"].append({"model_name": "local", "litellm_params": params})
    return json.dumps(tree)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, shared_openai: Provider
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("traced")
    with Endpoint() as endpoint:
        both = config_of_both(shared_openai, endpoint)
        with Served(folder, config=both, environ={**KEYS, **collector.environ}) as served:
            yield served


@dataclass(frozen=True)
class Lane:
    """A model, the name of a call to whoever runs it, and the step that makes it."""

    model: str
    call: str
    step: str


LINE_LANE = Lane("local", call="chat local-7b", step="RunActivity:send_chunk")
NATIVE_LANE = Lane("night", call="POST /batches", step="RunActivity:openai.submit")


@pytest.mark.parametrize("lane", [LINE_LANE, NATIVE_LANE], ids=lambda lane: lane.model)
def test_a_batch_is_one_tree_from_the_request_to_the_providers_calls(
    traced: Served, collector: Collector, tmp_path: Path, lane: Lane
) -> None:
    trace, parent = secrets.token_bytes(16), secrets.token_bytes(8)
    client = traced.client
    file = upload(client, write_requests(tmp_path / "in.jsonl", LINES, model=lane.model))
    batch = create(client, file, extra_headers={"traceparent": f"00-{trace.hex()}-{parent.hex()}-01"})
    batch = ended(client, batch.id, log=traced.log)
    assert batch.status == "completed"

    def told() -> Any:
        return [span for span in collector.spans() if span.trace_id == trace and span.name == "Batch"]

    (whole,) = until(told, log=traced.log)
    until(lambda: _is_whole(collector, trace, root=parent), log=traced.log)
    spans = [span for span in collector.spans() if span.trace_id == trace]
    roots = [span for span in spans if span.parent_span_id == parent]
    assert [span.name for span in roots] == [CREATED]
    assert all(ancestry(span, spans)[-1:] == roots for span in spans if span not in roots)
    # Whatever is this batch's is in this tree: workflows, steps, signals, calls.
    elsewhere = [span for span in collector.spans() if attributes(span).get("overnight.batch.id") == batch.id]
    assert {span.trace_id for span in elsewhere} == {trace}

    calls = [span for span in spans if span.name == lane.call and span.kind == Span.SPAN_KIND_CLIENT]
    assert calls
    for span in calls:
        names = [above.name for above in ancestry(span, spans)]
        assert names[0] == lane.step
        assert "StartChildWorkflow:Shard" in names
        assert names[-2:] == ["StartWorkflow:Batch", CREATED]
        assert attributes(span)["gen_ai.provider.name"] in {"openai", "hosted_vllm"}
        assert attributes(span)["http.response.status_code"] == 200
    said = attributes(whole)
    assert (said["overnight.batch.status"], said["overnight.lines.completed"]) == ("completed", LINES)
    assert said["gen_ai.usage.input_tokens"] == batch.usage.input_tokens
    assert said["gen_ai.usage.output_tokens"] == batch.usage.output_tokens
    assert whole.end_time_unix_nano > whole.start_time_unix_nano
    assert collector.services() == {"overnight-gateway", "overnight-worker"}

    everything = collector.everything()
    answers = [_answer(line) for line in results(client, batch.output_file_id)]
    for secret in (*answers, "question 1", KEY, PROVIDER_KEY, ENDPOINT_KEY):
        assert secret.encode() not in everything


def test_a_log_line_of_a_step_bears_the_id_of_its_trace(
    traced: Served, collector: Collector, tmp_path: Path
) -> None:
    trace = secrets.token_hex(16)
    client = traced.client
    file = upload(client, write_requests(tmp_path / "in.jsonl", 2, model="local"))
    header = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    batch = ended(client, create(client, file, extra_headers=header).id, log=traced.log)
    lines = [json.loads(line) for line in traced.log.read_text().splitlines() if line.startswith("{")]
    of_batch = [line for line in lines if line.get("batch_id") == batch.id and line.get("trace_id")]
    assert {line["trace_id"] for line in of_batch} == {trace}
    assert {"batch_started", "batch status"} <= {line["event"] for line in of_batch}


def test_metrics_leave_over_the_same_way(traced: Served, collector: Collector, tmp_path: Path) -> None:
    client = traced.client
    file = upload(client, write_requests(tmp_path / "in.jsonl", 3, model="local"))
    ended(client, create(client, file).id, log=traced.log)
    until(lambda: collector.metrics("overnight_lines"), log=traced.log)
    until(lambda: collector.metrics("temporal_activity_schedule_to_start_latency_seconds"), log=traced.log)
    until(lambda: collector.metrics("overnight_batches"), log=traced.log)
    (latest, *_) = reversed(collector.metrics("overnight_batch_stage_duration_seconds"))
    for point in latest.histogram.data_points:
        assert sum(point.bucket_counts) == point.count
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1


@pytest.mark.parametrize("kind", ["nobody there", "hanging"])
def test_a_collector_that_is_away_delays_no_batch_and_no_stop(
    tmp_path: Path, endpoint: Endpoint, shared_openai: Provider, kind: str
) -> None:
    with Collector(hanging=True) as collector:
        environ = {**KEYS, **collector.environ}
        if kind == "nobody there":
            environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        with Served(tmp_path, config=config_of_both(shared_openai, endpoint), environ=environ) as served:
            file = upload(served.client, write_requests(tmp_path / "in.jsonl", LINES, model="local"))
            batch = ended(served.client, create(served.client, file).id, log=served.log)
            assert batch.status == "completed"
            assert batch.request_counts.completed == LINES
    # Each ended in its own way, and none had to be killed for it.
    log = served.log.read_text()
    assert '"killing"' not in log
    assert log.count('"telemetry can\'t be delivered"') <= 4


def _is_whole(collector: Collector, trace: bytes, *, root: bytes) -> bool:
    """Whether the parents of all spans have come, and nothing more is on its way."""
    spans = [span for span in collector.spans() if span.trace_id == trace]
    known = {span.span_id for span in spans} | {root}
    return all(span.parent_span_id in known for span in spans) and any(
        span.name == "CompleteWorkflow:Batch" for span in spans
    )


def _answer(line: dict[str, Any]) -> str:
    answer: str = line["response"]["body"]["choices"][0]["message"]["content"]
    assert len(answer) > 3
    return answer
