"""Batches that Vertex AI runs: OpenAI's lines in, OpenAI's results out, and nothing left in the bucket."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from tests.acceptance.inputs import (
    assert_every_line_once,
    chat,
    submit,
    write_lines,
    write_requests,
)
from tests.acceptance.native import NEVER, assert_done_once, assert_nothing_left
from tests.acceptance.serving import Served, ended, results, until
from tests.acceptance.vertex import BUCKET, FOLDER, MODELS, NOBODYS, Vertex

LINES = 9
ODD_IDS = ["Ärger 1", "ärger 1", 'a "quoted" \\ id', "x" * 512, "😀" * 100, "line\nbreak", "R-1", "r-1"]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def served(google: Served) -> Served:
    """Whom `client` asks here."""
    return google


@pytest.mark.parametrize("model", ["gemini", "claude"])
def test_the_whole_life_of_a_batch_at_vertex_ai(
    served: Served, client: OpenAI, vertex: Vertex, model: str, tmp_path: Path
) -> None:
    vertex.doom(shuffle=True, output_files=3)
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model=model, max_tokens=50))

    final = ended(client, batch.id, log=served.log)

    assert (final.status, final.errors, final.error_file_id) == ("completed", None, None)
    assert_every_line_once(client, final, LINES)
    for number, line in enumerate(results(client, final.output_file_id)):
        body = line["response"]["body"]
        completion = ChatCompletion.model_validate(body, strict=True)
        assert f"question {number}" in str(completion.choices[0].message.content)
        # Claude answers as its exact version, which says more than the client's name.
        assert body["model"] == (model if model == "gemini" else "claude-sonnet-4-5-20250929")
    assert final.usage.input_tokens > 0
    assert final.usage.output_tokens > 0
    (job,) = vertex.jobs(final)
    assert job["model"] == MODELS[model]
    assert final.model_extra["overnight"]["provider"] == "vertex_ai"
    assert_done_once(vertex, final)


def test_embeddings_come_back_to_their_lines(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    vertex.doom(shuffle=True)
    bodies: list[dict[str, Any]] = [
        {"model": "vectors", "input": f"text {number}"} for number in range(LINES)
    ]
    path = write_lines(tmp_path / "in.jsonl", bodies, endpoint="/v1/embeddings")

    final = ended(client, submit(client, path, endpoint="/v1/embeddings").id, log=served.log)

    assert final.status == "completed"
    assert_every_line_once(client, final, LINES)
    vectors = [
        CreateEmbeddingResponse.model_validate(line["response"]["body"], strict=True).data[0].embedding
        for line in results(client, final.output_file_id)
    ]
    assert len({tuple(vector) for vector in vectors}) == LINES


def test_any_custom_id_survives_the_round_trip(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    vertex.doom(shuffle=True)
    lines = (
        {
            "custom_id": custom_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": chat(f"question {number}", model="gemini"),
        }
        for number, custom_id in enumerate(ODD_IDS)
    )
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    final = ended(client, submit(client, path).id, log=served.log)

    answers = {line["custom_id"]: json.dumps(line) for line in results(client, final.output_file_id)}
    assert list(answers) == ODD_IDS
    for number, custom_id in enumerate(ODD_IDS):
        assert f"question {number}" in answers[custom_id]


def test_what_can_t_be_asked_there_is_told_by_the_line_and_costs_no_other(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    bodies = [chat(f"question {number}", model="gemini") for number in range(4)]
    bodies[1]["logit_bias"] = {"50256": -100}
    bodies[3] |= {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}}

    final = ended(client, submit(client, write_lines(tmp_path / "in.jsonl", bodies)).id, log=served.log)

    assert (final.status, final.request_counts.failed) == ("completed", 1)
    assert_every_line_once(client, final, 4)
    (refused,) = results(client, final.error_file_id)
    assert (refused["custom_id"], refused["response"]["status_code"]) == ("r-1", 400)
    error = refused["response"]["body"]["error"]
    assert (error["param"], error["code"]) == ("logit_bias", "unsupported_by_provider")
    (job,) = vertex.jobs(final)
    assert job["lines"] == 3
    called = results(client, final.output_file_id)[-1]["response"]["body"]["choices"][0]
    assert called["finish_reason"] == "tool_calls"
    assert called["message"]["tool_calls"][0]["function"]["name"] == "weather"


def test_a_batch_that_can_t_be_asked_at_all_makes_no_job(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    bodies = [chat("hello", model="gemini", logit_bias={"1": 1}) for _ in range(3)]

    final = ended(client, submit(client, write_lines(tmp_path / "in.jsonl", bodies)).id, log=served.log)

    assert (final.status, final.request_counts.failed) == ("completed", 3)
    assert_every_line_once(client, final, 3)
    assert vertex.jobs(final) == []
    assert_nothing_left(vertex, final)


def test_a_row_that_fails_there_is_an_error_line_with_its_status(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    vertex.doom(fail_every=3, fail_status=429)

    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model="gemini"))
    final = ended(client, batch.id, log=served.log)

    assert (final.status, final.request_counts.failed) == ("completed", 3)
    assert_every_line_once(client, final, LINES)
    for line in results(client, final.error_file_id):
        assert line["response"]["status_code"] == 429
        assert line["response"]["body"]["error"]["message"]


def test_a_job_that_fails_before_it_runs_fails_the_batch_with_its_reason(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    vertex.doom(problem="no_permission")

    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model="gemini"))
    final = ended(client, batch.id, log=served.log)

    assert final.status == "failed"
    assert "storage.objects.create" in final.errors.data[0].message
    assert_nothing_left(vertex, final)


def test_a_bucket_that_is_missing_fails_the_batch_and_says_what_to_do(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model="astray"))
    final = ended(client, batch.id, log=served.log)

    assert final.status == "failed"
    (error,) = final.errors.data
    assert error.code == "bucket_not_found"
    for told in ("deployment 'astray'", f"no Google Cloud Storage bucket '{NOBODYS}'", "gcs_bucket_name"):
        assert told in error.message
    assert vertex.jobs(final) == []


def test_a_deployment_whose_bucket_is_missing_is_skipped_for_the_next(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model="spare"))
    final = ended(client, batch.id, log=served.log)

    assert final.status == "completed"
    assert_every_line_once(client, final, LINES)
    (warning,) = final.model_extra["overnight"]["warnings"]
    assert NOBODYS in warning
    assert_done_once(vertex, final)


def test_a_bucket_that_is_missing_is_told_before_a_batch_needs_it(served: Served) -> None:
    def told() -> Any:
        buckets = httpx2.get(f"{served.url}/health/readiness", timeout=60).json()["buckets"]
        states = {(each["deployment"].split()[1], each["bucket"]): each["state"] for each in buckets}
        return states if "being tried" not in states.values() else None

    states = until(told, log=served.log)
    assert states["'gemini'", f"gs://{BUCKET}/{FOLDER}"] == "ok"
    assert "there is no" in states["'astray'", f"gs://{NOBODYS}"]
    until(lambda: f"gs://{NOBODYS}" in served.log.read_text(), log=served.log)


def test_a_cancelled_batch_keeps_the_rows_that_were_finished(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    vertex.doom(stuck_at=4 / LINES, cancelling_seconds=NEVER)
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model="gemini"))
    until(lambda: client.batches.retrieve(batch.id).request_counts.completed == 4, log=served.log)

    assert client.batches.cancel(batch.id).status == "cancelling"
    until(lambda: vertex.jobs(batch)[0]["status"] == "cancelling", log=served.log)
    vertex.let_pass(NEVER)

    final = ended(client, batch.id, log=served.log)
    assert (final.status, final.request_counts.completed) == ("cancelled", 4)
    assert_every_line_once(client, final, LINES)
    assert {line["error"]["code"] for line in results(client, final.error_file_id)} == {"batch_cancelled"}
    assert_nothing_left(vertex, final)


@pytest.mark.parametrize(
    "fault", [{"kind": "lose_answer"}, {"kind": "status", "status": 500, "done": True}], ids=["lost", "a 500"]
)
def test_a_create_whose_answer_is_lost_makes_one_job(
    served: Served, client: OpenAI, vertex: Vertex, fault: dict[str, Any], tmp_path: Path
) -> None:
    vertex.fault(verb="jobs.create", times=1, **fault)

    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES, model="gemini"))
    final = ended(client, batch.id, log=served.log)

    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(client, final, LINES)
    assert_done_once(vertex, final)


def test_a_quota_of_jobs_is_waited_for(
    served: Served, client: OpenAI, vertex: Vertex, tmp_path: Path
) -> None:
    vertex.rule(max_jobs=1)
    batches = [
        submit(client, write_requests(tmp_path / f"{number}.jsonl", 2, model="claude")) for number in range(3)
    ]

    for batch in batches:
        final = ended(client, batch.id, log=served.log)
        assert (final.status, final.request_counts.completed) == ("completed", 2)
        assert_done_once(vertex, final)
