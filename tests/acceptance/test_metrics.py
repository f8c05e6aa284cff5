"""`GET /metrics` of a real `overnight serve`: what it says of a batch is what the batch says."""

from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.conftest import Serve
from tests.acceptance.inputs import chat as chat_body
from tests.acceptance.inputs import submit, suffering, write_lines, write_requests
from tests.acceptance.serving import Served, answered, ended, until
from tests.acceptance.simulated import Endpoint

LINES = 300


def read(served: Served, **headers: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return every sample of the page, by name."""
    page = httpx2.get(f"{served.url}/metrics", headers=headers, timeout=60).raise_for_status().text
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def total(samples: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that bear the labels."""
    return sum(value for has, value in samples.get(name, ()) if labels.items() <= has.items())


def test_the_page_tells_what_the_batch_tells(serve: Serve, tmp_path: Path) -> None:
    served = serve(parallel=8)
    bodies = [chat_body(f"question {number}") for number in range(20)]
    bodies += [chat_body(f"bad {number}", **suffering(status=400)) for number in range(3)]
    batch = ended(served.client, submit(served.client, write_lines(tmp_path / "in.jsonl", bodies)).id)
    assert (batch.status, batch.request_counts.failed) == ("completed", 3)

    told = read(served)
    whose = {"provider": "hosted_vllm", "process": "worker"}
    assert total(told, "overnight_lines_total", outcome="completed", **whose) == 20
    assert total(told, "overnight_lines_total", outcome="failed", **whose) == 3
    assert total(told, "overnight_line_lane_lines_total", outcome="completed", model="night") == 20
    assert total(told, "overnight_tokens_total", **whose) == batch.usage.total_tokens
    assert total(told, "overnight_batches_finished_total", status="completed", **whose) == 1
    assert total(told, "overnight_batches", status="completed", process="gateway") == 1
    assert total(told, "overnight_batch_stage_duration_seconds_count", stage="total") == 1
    assert total(told, "overnight_provider_errors_total", verb="line", kind="refused") == 3
    assert (
        total(told, "overnight_activity_duration_seconds_count", activity="ingest", outcome="completed") == 1
    )
    assert total(told, "overnight_activity_queue_wait_seconds_count", activity="send_chunk") >= 1
    assert total(told, "overnight_http_requests_total", method="POST", route="/batches", status="200") == 1
    assert total(told, "overnight_worker_metrics_up") == 1
    # Temporal's own SDK, of both processes, with names as Prometheus wants them.
    for process in ("gateway", "worker"):
        assert total(told, "temporal_request_total", process=process) > 0
    assert total(told, "temporal_activity_schedule_to_start_latency_seconds_count", process="worker") > 0
    assert not [name for name in told if "_total_total" in name or "_seconds_seconds" in name]
    page = httpx2.get(f"{served.url}/metrics", timeout=60).text
    assert batch.id not in page
    assert "question" not in page


def test_a_worker_that_is_killed_in_the_middle_counts_nothing_twice(
    serve: Serve, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.restart(delay=0.05)
    served = serve(parallel=8)
    batch = submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    answered(served.client, batch.id, lines=20, log=served.log)
    served.kill("worker")
    batch = ended(served.client, batch.id, log=served.log)
    assert (batch.status, batch.request_counts.completed) == ("completed", LINES)

    def told() -> object:
        samples = read(served)
        return samples if total(samples, "overnight_worker_metrics_up") else None

    samples = until(told, log=served.log)
    assert total(samples, "overnight_lines_total") == LINES
    assert total(samples, "overnight_tokens_total") == batch.usage.total_tokens
    assert total(samples, "overnight_batches_finished_total") == 1
    assert total(samples, "overnight_batches", status="completed") == 1
    # What the first worker had answered is in its checkpoints, and was counted by it alone.
    assert total(samples, "overnight_line_lane_lines_total") < LINES


def test_with_a_master_key_the_page_is_for_who_has_it(serve: Serve, tmp_path: Path) -> None:
    served = serve(parallel=8)
    served.stop()
    config = served.folder / "config.yaml"
    config.write_text(config.read_text() + "general_settings:\n  master_key: sk-of-the-house\n")
    served.start()
    assert httpx2.get(f"{served.url}/metrics", timeout=60).status_code == 401
    told = read(served, authorization="Bearer sk-of-the-house")
    # The gateway shows the worker the same key.
    assert total(told, "overnight_worker_metrics_up") == 1
