"""The simulated OpenAI, driven by OpenAI's own SDK."""

import json

import openai as sdk
import pytest

from tests.simulators.rehearsing import CHAT, DAY, Rehearsal, jsonl


async def test_a_batch_goes_through_its_statuses_in_the_providers_time(openai: Rehearsal) -> None:
    created = await openai.create(jsonl(10), {"tag": "shard-1"})
    seen = [(created.status, 0)]
    for seconds in (1, 5, 5, 1):
        await openai.wait(seconds)
        batch = await openai.client.batches.retrieve(created.id)
        assert batch.request_counts
        seen.append((batch.status, batch.request_counts.completed))
    assert seen == [
        ("validating", 0),
        ("in_progress", 0),
        ("in_progress", 5),
        ("finalizing", 10),
        ("completed", 10),
    ]
    assert batch.in_progress_at == created.created_at + 1
    assert batch.finalizing_at == created.created_at + 11
    assert batch.completed_at == created.created_at + 12
    assert batch.expires_at == created.created_at + DAY
    assert batch.metadata == {"tag": "shard-1"}
    assert batch.error_file_id is None


async def test_results_have_the_shape_of_openais_and_the_version_of_the_model(openai: Rehearsal) -> None:
    batch = await openai.finish(jsonl(3))
    lines = await openai.lines(batch.output_file_id)
    assert [line["custom_id"] for line in lines] == ["r-0", "r-1", "r-2"]
    assert lines[0].keys() == {"id", "custom_id", "response", "error"}
    assert lines[0]["id"].startswith("batch_req_")
    assert lines[0]["response"].keys() == {"status_code", "request_id", "body"}
    assert lines[0]["response"]["body"]["choices"][0]["message"]["content"].endswith("hello 0")
    assert lines[0]["response"]["body"]["model"] == batch.model == "gpt-4o-mini-2025-08-07"
    assert batch.usage
    assert batch.usage.total_tokens == sum(
        line["response"]["body"]["usage"]["total_tokens"] for line in lines
    )


async def test_all_that_is_wrong_with_a_file_is_told_in_one_list_with_lines_from_1(openai: Rehearsal) -> None:
    first, second = jsonl(2).splitlines()
    wrong = json.loads(second)
    content = b"\n".join(
        [
            first,
            b"{not json",
            first,
            json.dumps({**wrong, "url": "/v1/embeddings"}).encode(),
            json.dumps({name: wrong[name] for name in ("method", "url", "body")}).encode(),
            json.dumps({**wrong, "custom_id": "x", "body": {"model": "gpt-5"}}).encode(),
            json.dumps({**wrong, "custom_id": "y", "body": {"stream": True}}).encode(),
        ]
    )
    batch = await openai.finish(content)
    assert batch.status == "failed"
    assert batch.failed_at
    assert batch.output_file_id is None
    assert batch.request_counts
    assert batch.request_counts.total == 0
    assert batch.errors
    assert [(error.line, error.code) for error in batch.errors.data or ()] == [
        (2, "invalid_json_line"),
        (3, "duplicate_custom_id"),
        (4, "invalid_url"),
        (5, "missing_required_parameter"),
        (6, "mismatched_model"),
        (7, "invalid_request"),
        (7, "streaming_unsupported"),
    ]


async def test_a_batch_without_its_file_is_created_and_then_fails(openai: Rehearsal) -> None:
    created = await openai.client.batches.create(
        input_file_id="file-gone", endpoint=CHAT, completion_window="24h"
    )
    await openai.wait(1)
    batch = await openai.client.batches.retrieve(created.id)
    assert batch.status == "failed"
    assert batch.errors
    assert (batch.errors.data or [])[0].param == "file_id"


async def test_a_cancelled_batch_takes_its_time_and_keeps_finished_lines(openai: Rehearsal) -> None:
    created = await openai.create(jsonl(10))
    await openai.wait(1 + 4)
    assert (await openai.client.batches.cancel(created.id)).status == "cancelling"
    await openai.wait(2)
    batch = await openai.client.batches.cancel(created.id)
    assert batch.status == "cancelled"
    assert await openai.ids(batch.output_file_id) == ["r-0", "r-1", "r-2", "r-3"]
    unfinished = await openai.lines(batch.error_file_id)
    assert {line["error"]["code"] for line in unfinished} == {"batch_cancelled"}
    assert len(unfinished) == 6


async def test_a_batch_cancelled_while_it_is_validated_has_no_results(openai: Rehearsal) -> None:
    created = await openai.create(jsonl(1) + b"{not json\n")
    await openai.client.batches.cancel(created.id)
    await openai.wait(2)
    batch = await openai.client.batches.retrieve(created.id)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("cancelled", None, None)


async def test_a_completed_batch_cannot_be_cancelled(openai: Rehearsal) -> None:
    batch = await openai.finish(jsonl(1))
    with pytest.raises(sdk.ConflictError, match="Cannot cancel a batch with status 'completed'"):
        await openai.client.batches.cancel(batch.id)


async def test_a_batch_whose_window_ends_expires_with_what_it_has(openai: Rehearsal) -> None:
    await openai.order("/rules", {"seconds": 2 * DAY - 2})
    batch = await openai.finish(jsonl(10), after=DAY + 2)
    assert batch.status == "expired"
    assert batch.expired_at
    assert len(await openai.ids(batch.output_file_id)) == 5
    assert (await openai.lines(batch.error_file_id))[0]["error"]["code"] == "batch_expired"


async def test_lists_are_newest_first_and_go_on_after_an_id(openai: Rehearsal) -> None:
    uploaded = await openai.upload(jsonl(1))
    ids = []
    for _ in range(3):
        created = await openai.client.batches.create(
            input_file_id=uploaded.id, endpoint=CHAT, completion_window="24h"
        )
        ids.append(created.id)
    first = await openai.client.batches.list(limit=2)
    assert [batch.id for batch in first.data] == [ids[2], ids[1]]
    assert first.has_more
    assert [batch.id async for batch in first] == ids[::-1]


async def test_files_are_listed_by_purpose_and_deleted(openai: Rehearsal) -> None:
    batch = await openai.finish(jsonl(1))
    outputs = [file async for file in openai.client.files.list(purpose="batch_output")]
    assert [file.id for file in outputs] == [batch.output_file_id]
    assert outputs[0].bytes
    for file_id in (batch.input_file_id, outputs[0].id):
        assert (await openai.client.files.delete(file_id)).deleted
    with pytest.raises(sdk.NotFoundError, match="No such File object"):
        await openai.client.files.retrieve(batch.input_file_id)
    seen = await openai.look()
    assert (seen["files"], seen["files_deleted"]) == ([], 2)


async def test_an_input_may_be_deleted_while_its_batch_runs(openai: Rehearsal) -> None:
    created = await openai.create(jsonl(2))
    await openai.client.files.delete(created.input_file_id)
    await openai.wait(100)
    batch = await openai.client.batches.retrieve(created.id)
    assert await openai.ids(batch.output_file_id) == ["r-0", "r-1"]


async def test_files_live_as_long_as_they_are_told_to(openai: Rehearsal) -> None:
    usual = await openai.upload(jsonl(1))
    short = await openai.client.files.create(
        file=("in.jsonl", jsonl(1)),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert usual.expires_at == usual.created_at + 30 * DAY
    assert short.expires_at == short.created_at + 3600
    await openai.wait(3600)
    assert [file.id async for file in openai.client.files.list()] == [usual.id]


async def test_a_part_of_a_file_can_be_asked_for(openai: Rehearsal) -> None:
    uploaded = await openai.upload(jsonl(1))
    content = await openai.client.files.content(uploaded.id, extra_headers={"Range": "bytes=0-9"})
    assert content.response.status_code == 206
    assert content.content == jsonl(1)[:10]


@pytest.mark.parametrize(
    ("name", "content"), [("in.json", jsonl(1)), ("in.jsonl", b""), ("in.jsonl", b"PK\x03\x04")]
)
async def test_an_upload_that_is_no_jsonl_is_refused_and_not_kept(
    openai: Rehearsal, name: str, content: bytes
) -> None:
    with pytest.raises(sdk.BadRequestError, match=r"Must be \.jsonl"):
        await openai.client.files.create(file=(name, content), purpose="batch")
    assert await openai.look("/files") == []
    assert list(openai.simulator.desk.folder.iterdir()) == []


async def test_a_file_over_the_limit_is_refused(openai: Rehearsal) -> None:
    await openai.order("/rules", {"max_file_bytes": 100})
    with pytest.raises(sdk.BadRequestError, match="File is too large"):
        await openai.client.files.create(file=("in.jsonl", jsonl(10)), purpose="batch")


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"endpoint": "/v1/x"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {str(key): "v" for key in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "v"}}, "metadata." + "k" * 64),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"input_file_id": None}, "input_file_id"),
    ],
)
async def test_what_a_batch_must_not_be_is_refused(
    openai: Rehearsal, wrong: dict[str, object], param: str
) -> None:
    said = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h", **wrong}
    with pytest.raises(sdk.BadRequestError) as caught:
        await openai.client.batches.create(**said)  # type: ignore[arg-type]
    assert caught.value.param == param
    assert await openai.look("/jobs") == []


async def test_another_key_is_refused_and_never_repeated(openai: Rehearsal) -> None:
    await openai.order("/rules", {"key": "sk-other"})
    with pytest.raises(sdk.AuthenticationError) as caught:
        await openai.client.batches.list()
    assert caught.value.code == "invalid_api_key"
    assert "sk-1" not in str(caught.value)


async def test_an_unknown_model_is_found_by_validation(openai: Rehearsal) -> None:
    await openai.order("/rules", {"models": ["gpt-5"]})
    batch = await openai.finish(jsonl(1))
    assert batch.errors
    assert (batch.errors.data or [])[0].code == "model_not_found"


async def test_creating_too_many_batches_in_an_hour_is_refused_with_when_to_come_back(
    openai: Rehearsal,
) -> None:
    await openai.order("/rules", {"creates_an_hour": 1})
    await openai.create(jsonl(1))
    with pytest.raises(sdk.RateLimitError) as caught:
        await openai.create(jsonl(1))
    assert caught.value.response.headers["Retry-After"] == "3600"
    await openai.wait(3600)
    await openai.create(jsonl(1))
