"""A batch's whole life with the real OpenAI SDK: files in, batch, files out, in OpenAI's shapes."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types import Batch, Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from temporalio.client import Client

from tests.acceptance.housekeeping import keep_house
from tests.acceptance.inputs import (
    assert_every_line_once,
    chat,
    create,
    submit,
    suffering,
    upload,
    write_lines,
    write_requests,
)
from tests.acceptance.serving import Served, answered, ended, results, until
from tests.acceptance.simulated import Endpoint

LINES = 20
HUNG = 4
"""Requests that get no answer, so that a batch stays in the middle for as long as a test needs."""

ENDPOINTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "good night"}]},
    "/v1/responses": {"input": "good night"},
    "/v1/completions": {"prompt": "good night"},
    "/v1/embeddings": {"input": "good night"},
    "/v1/moderations": {"input": "good night"},
}
TYPES: dict[str, Any] = {
    "/v1/chat/completions": ChatCompletion,
    "/v1/completions": Completion,
    "/v1/embeddings": CreateEmbeddingResponse,
}
INPUT_PRICE, OUTPUT_PRICE = 0.000001, 0.000002


def tokens(lines: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Add up what the lines say they used: in, out, total."""
    used = [line["response"]["body"].get("usage", {}) for line in lines]
    inputs = sum(each.get("prompt_tokens", each.get("input_tokens", 0)) for each in used)
    outputs = sum(each.get("completion_tokens", each.get("output_tokens", 0)) for each in used)
    return inputs, outputs, sum(each.get("total_tokens", 0) for each in used)


def held_in_the_middle(served: Served, backend: Endpoint, client: OpenAI, path: Path) -> Batch:
    """Submit a batch of LINES of which all but HUNG are answered; a restart of `backend` lets it end."""
    backend.fault(kind="hang", times=HUNG)
    batch = submit(client, write_requests(path, LINES))
    running: Batch = answered(client, batch.id, lines=LINES - HUNG, log=served.log)
    return running


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_goes_from_upload_to_output_in_input_order(
    served: Served, client: OpenAI, tmp_path: Path, endpoint: str
) -> None:
    body = {"model": "night", **ENDPOINTS[endpoint]}
    path = write_lines(tmp_path / "in.jsonl", [{**body, "user": str(n)} for n in range(7)], endpoint=endpoint)

    batch = submit(client, path, endpoint=endpoint)
    final = ended(client, batch.id, log=served.log)

    assert (final.status, final.endpoint, final.model) == ("completed", endpoint, "night-7b")
    assert (final.errors, final.error_file_id) == (None, None)
    assert_every_line_once(client, final, 7)
    lines = results(client, final.output_file_id)
    used = final.usage
    assert (used.input_tokens, used.output_tokens, used.total_tokens) == tokens(lines)
    if endpoint in TYPES:
        for line in lines:
            TYPES[endpoint].model_validate(line["response"]["body"], strict=True)


def test_a_result_line_has_openais_keys_and_the_answer_word_for_word(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    batch = submit(client, write_requests(tmp_path / "in.jsonl", 3))
    final = ended(client, batch.id, log=served.log)

    lines = results(client, final.output_file_id)
    for number, line in enumerate(lines):
        assert list(line) == ["id", "custom_id", "response", "error"]
        assert line["id"].startswith("batch_req_")
        assert line["custom_id"] == f"r-{number}"
        assert list(line["response"]) == ["status_code", "request_id", "body"]
        assert line["response"]["status_code"] == 200
        assert line["error"] is None
        answer = ChatCompletion.model_validate(line["response"]["body"])
        assert answer.choices[0].message.content is not None
        assert answer.choices[0].message.content.endswith(f": question {number}")
        assert line["response"]["request_id"] == answer.id.replace("chatcmpl-", "req_")
    assert len({line["id"] for line in lines}) == len(lines)


def test_a_completed_batch_has_its_times_in_order_and_its_price(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    metadata = {"team": "search", "note": "süß"}
    batch = submit(client, write_requests(tmp_path / "in.jsonl", 5), metadata=metadata)
    final = ended(client, batch.id, log=served.log)

    times = [final.created_at, final.in_progress_at, final.finalizing_at, final.completed_at]
    assert None not in times
    assert times == sorted(times)
    assert final.expires_at == final.created_at + 86_400
    assert (final.failed_at, final.expired_at, final.cancelling_at, final.cancelled_at) == (None,) * 4
    assert final.metadata == metadata
    assert final.input_file_id == batch.input_file_id
    price = final.usage.input_tokens * INPUT_PRICE + final.usage.output_tokens * OUTPUT_PRICE
    assert float(final.model_extra["overnight"]["cost_usd"]) == pytest.approx(price)


def test_counts_move_while_a_batch_runs(
    served: Served, client: OpenAI, backend: Endpoint, tmp_path: Path
) -> None:
    running = held_in_the_middle(served, backend, client, tmp_path / "in.jsonl")

    assert running.status == "in_progress"
    assert running.request_counts is not None
    assert running.request_counts.model_dump() == {"total": LINES, "completed": LINES - HUNG, "failed": 0}
    assert running.output_file_id is None
    backend.restart()
    final = ended(client, running.id, log=served.log)
    assert final.status == "completed"
    assert_every_line_once(client, final, LINES)
    assert final.request_counts.failed == 0


async def test_deleting_the_input_while_the_batch_runs_loses_nothing(
    served: Served, client: OpenAI, backend: Endpoint, temporal: Client, tmp_path: Path
) -> None:
    running = held_in_the_middle(served, backend, client, tmp_path / "in.jsonl")
    stored = served.data / "objects" / "files" / running.input_file_id

    assert client.files.delete(running.input_file_id).deleted
    assert running.input_file_id not in {file.id for file in client.files.list()}
    await keep_house(temporal)
    assert stored.exists()
    backend.restart()

    final = ended(client, running.id, log=served.log)
    assert final.status == "completed"
    assert_every_line_once(client, final, LINES)
    await keep_house(temporal)
    assert not stored.exists()


def test_lines_that_fail_go_to_the_error_file_in_openais_shape(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    fates = [suffering(kind="status", status=400), {}, suffering(kind="status", status=500, times=1), {}]
    bodies = [chat(f"question {n}", **fates[n % 4]) for n in range(12)]

    batch = submit(client, write_lines(tmp_path / "in.jsonl", bodies))
    final = ended(client, batch.id, log=served.log)

    assert final.status == "completed"
    assert final.request_counts.model_dump() == {"total": 12, "completed": 9, "failed": 3}
    assert_every_line_once(client, final, 12)
    errors = results(client, final.error_file_id)
    assert [line["custom_id"] for line in errors] == ["r-0", "r-4", "r-8"]
    for line in errors:
        assert list(line) == ["id", "custom_id", "response", "error"]
        assert line["response"]["status_code"] == 400
        assert line["response"]["request_id"].startswith("req_")
        assert set(line["response"]["body"]["error"]) == {"message", "type", "param", "code"}
        assert line["error"] is None
    assert final.usage.total_tokens == tokens(results(client, final.output_file_id))[2]


def test_a_batch_whose_lines_all_failed_is_completed_without_an_output_file(
    served: Served, client: OpenAI, backend: Endpoint, tmp_path: Path
) -> None:
    backend.fault(kind="status", status=400)

    final = ended(client, submit(client, write_requests(tmp_path / "in.jsonl", 5)).id, log=served.log)

    assert (final.status, final.output_file_id) == ("completed", None)
    assert final.request_counts.model_dump() == {"total": 5, "completed": 0, "failed": 5}
    assert_every_line_once(client, final, 5)
    assert final.usage.total_tokens == 0


def test_the_bound_of_a_deployment_holds_over_two_batches_at_once(
    served: Served, client: OpenAI, backend: Endpoint, tmp_path: Path
) -> None:
    backend.fault(kind="hang")
    path = write_requests(tmp_path / "in.jsonl", 60)
    batches = [submit(client, path) for _ in range(2)]
    until(lambda: all(client.batches.retrieve(b.id).status == "in_progress" for b in batches), log=served.log)

    backend.restart(delay=0.05)
    finals = [ended(client, batch.id, log=served.log) for batch in batches]

    assert [final.request_counts.completed for final in finals] == [60, 60]
    assert backend.seen()["total"] == 120
    assert backend.seen()["most_in_flight"] == 8


def test_an_output_lives_as_long_as_was_asked_for(served: Served, client: OpenAI, tmp_path: Path) -> None:
    bodies = [chat("a"), chat("b", **suffering(kind="status", status=400))]
    path = write_lines(tmp_path / "in.jsonl", bodies)

    batch = submit(client, path, output_expires_after={"anchor": "created_at", "seconds": 7_200})
    final = ended(client, batch.id, log=served.log)

    for file_id in (final.output_file_id, final.error_file_id):
        file = client.files.retrieve(file_id)
        assert file.expires_at == file.created_at + 7_200
        assert file.purpose == "batch_output"


def test_an_output_file_downloads_as_json_lines_with_its_length_and_name(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    final = ended(client, submit(client, write_requests(tmp_path / "in.jsonl", 4)).id, log=served.log)

    content = client.files.content(final.output_file_id)
    file = client.files.retrieve(final.output_file_id)

    assert content.response.headers["content-type"].startswith("application/jsonl")
    assert int(content.response.headers["content-length"]) == len(content.content) == file.bytes
    assert file.filename in content.response.headers["content-disposition"]
    assert content.content.endswith(b"\n")
    assert [json.loads(line)["custom_id"] for line in content.content.splitlines()] == [
        f"r-{n}" for n in range(4)
    ]


def test_files_are_uploaded_listed_read_in_parts_and_deleted(client: OpenAI, tmp_path: Path) -> None:
    path = write_requests(tmp_path / "in.jsonl", 4)
    content = path.read_bytes()

    first, second = upload(client, path), upload(client, path)

    listed = [file.id for file in client.files.list(purpose="batch")]
    assert listed.index(second) < listed.index(first)
    assert [file.id for file in client.files.list(purpose="batch", order="asc")] == listed[::-1]
    file = client.files.retrieve(first)
    assert (file.filename, file.bytes, file.purpose, file.status) == (
        "in.jsonl",
        len(content),
        "batch",
        "processed",
    )
    assert file.expires_at == file.created_at + 30 * 86_400
    assert client.files.content(first).content == content
    part = client.files.content(first, extra_headers={"Range": "bytes=5-9"})
    assert (part.response.status_code, part.content) == (206, content[5:10])
    assert part.response.headers["content-range"] == f"bytes 5-9/{len(content)}"
    deleted = client.files.delete(first)
    assert (deleted.id, deleted.deleted, deleted.object) == (first, True, "file")
    assert first not in {file.id for file in client.files.list()}
    assert client.files.content(second).content == content


def test_batches_are_listed_newest_first_page_by_page(served: Served, client: OpenAI, tmp_path: Path) -> None:
    input_file = upload(client, write_requests(tmp_path / "in.jsonl", 1))
    made = [create(client, input_file).id for _ in range(5)]

    first = client.batches.list(limit=2)

    assert [batch.id for batch in first.data] == made[:-3:-1]
    assert first.has_more
    assert (first.model_extra or {})["first_id"] == made[-1]
    everything = [batch.id for batch in client.batches.list(limit=2)]
    assert everything[:5] == made[::-1]
    assert everything == [batch.id for batch in client.batches.list(limit=100)]
    assert len(everything) == len(set(everything))
    for batch_id in made:
        assert ended(client, batch_id, log=served.log).status == "completed"
