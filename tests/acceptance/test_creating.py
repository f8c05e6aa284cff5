"""Creating batches: one for each idempotency key, and what becomes of inputs that are not valid."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, ConflictError, OpenAI

from tests.acceptance.inputs import chat, create, submit, upload, write_lines, write_requests
from tests.acceptance.serving import Served, ended

AT_ONCE = 20
SHOWN_ERRORS = 1_000


def keyed(key: str) -> dict[str, Any]:
    return {"extra_headers": {"Idempotency-Key": key}}


def lines(*records: dict[str, Any] | str) -> str:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in records)


def request(custom_id: str, **other: Any) -> dict[str, Any]:
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": chat("hello")}
    return {**line, **other}


def test_many_creates_at_once_with_one_key_make_one_batch(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    input_file = upload(client, write_requests(tmp_path / "in.jsonl", 3))
    before = {batch.id for batch in client.batches.list(limit=100)}

    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [threads.submit(create, client, input_file, **keyed("one-night")) for _ in range(AT_ONCE)]
        made = {each.result().id for each in asked}

    assert len(made) == 1
    assert {batch.id for batch in client.batches.list(limit=100)} - before == made
    final = ended(client, made.pop(), log=served.log)
    assert (final.status, final.request_counts.completed) == ("completed", 3)
    again = create(client, input_file, extra_body={"idempotency_key": "one-night"})
    assert (again.id, again.status) == (final.id, "completed")


def test_one_key_for_other_parameters_is_a_conflict(served: Served, client: OpenAI, tmp_path: Path) -> None:
    input_file = upload(client, write_requests(tmp_path / "in.jsonl", 1))
    made = create(client, input_file, **keyed("two-nights"))

    with pytest.raises(ConflictError) as refused:
        create(client, input_file, metadata={"night": "another"}, **keyed("two-nights"))

    assert (refused.value.code, refused.value.param) == ("idempotency_mismatch", "idempotency_key")
    assert ended(client, made.id, log=served.log).status == "completed"


def test_without_a_key_every_create_makes_a_batch(served: Served, client: OpenAI, tmp_path: Path) -> None:
    input_file = upload(client, write_requests(tmp_path / "in.jsonl", 1))

    made = {create(client, input_file).id for _ in range(2)}

    assert len(made) == 2
    assert {ended(client, batch_id, log=served.log).status for batch_id in made} == {"completed"}


def test_an_unknown_input_file_makes_a_batch_that_fails(served: Served, client: OpenAI) -> None:
    final = ended(client, create(client, "file-of-nobody").id, log=served.log)

    assert (final.status, final.output_file_id, final.error_file_id) == ("failed", None, None)
    assert final.failed_at >= final.created_at
    (error,) = final.errors.data
    assert (error.code, error.param, error.line) == ("invalid_request", "file_id", None)
    assert error.message.startswith("Cannot find file file-of-nobody")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"endpoint": "/v1/x"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"tags": 7}}, "metadata.tags"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
    ],
)
def test_what_is_wrong_with_the_order_itself_is_said_at_once(
    client: OpenAI, wrong: dict[str, Any], param: str
) -> None:
    order: dict[str, Any] = {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }

    with pytest.raises(BadRequestError) as refused:
        client.batches.create(**{**order, **wrong})

    assert isinstance(refused.value.body, dict)
    assert set(refused.value.body) == {"message", "type", "param", "code"}
    assert refused.value.param == param


def test_all_bad_lines_are_reported_in_line_order_counted_from_one(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(
        lines(
            request("first"),
            "{this is not JSON}",
            "",
            {key: value for key, value in request("x").items() if key != "custom_id"},
            request("elsewhere", url="/v1/embeddings"),
            request("stranger", body=chat("hello", model="nobody")),
            request("talkative", body=chat("hello", stream=True)),
            request("first"),
            request("other", body={**chat("hello"), "model": "day"}),
            request("nameless", body={"messages": []}),
        )
    )

    final = ended(client, submit(client, path).id, log=served.log)

    assert final.status == "failed"
    assert final.request_counts.model_dump() == {"total": 0, "completed": 0, "failed": 0}
    assert [(error.line, error.code, error.param) for error in final.errors.data] == [
        (2, "invalid_json_line", None),
        (4, "missing_required_parameter", "custom_id"),
        (5, "invalid_url", "url"),
        (6, "model_not_found", "body.model"),
        (7, "streaming_unsupported", "body.stream"),
        (8, "duplicate_custom_id", "custom_id"),
        (9, "mismatched_model", "body.model"),
        (10, "invalid_request", "body.model"),
    ]
    assert final.model_extra["overnight"]["errors_total"] == 8
    assert final.model_extra["overnight"]["errors_file_id"] is None


def test_of_very_many_bad_lines_the_batch_shows_the_first_and_a_file_has_all(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    path = write_lines(
        tmp_path / "in.jsonl", (chat("hello") for _ in range(SHOWN_ERRORS + 500)), endpoint="/v1/elsewhere"
    )

    final = ended(client, submit(client, path).id, log=served.log)

    assert final.status == "failed"
    assert [error.line for error in final.errors.data] == [*range(1, SHOWN_ERRORS + 1)]
    details = final.model_extra["overnight"]
    assert details["errors_total"] == SHOWN_ERRORS + 500
    everything = [
        json.loads(line) for line in client.files.content(details["errors_file_id"]).text.splitlines()
    ]
    assert [error["line"] for error in everything] == [*range(1, SHOWN_ERRORS + 501)]
    assert everything[0] == final.errors.data[0].model_dump()
