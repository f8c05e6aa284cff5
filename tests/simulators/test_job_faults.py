"""Each way in which a job can go wrong, as an SDK sees it."""

import json
from typing import Any

import openai as sdk
import pytest

from tests.simulators.rehearsing import DAY, Rehearsal, jsonl


async def _doom(openai: Rehearsal, **fate: Any) -> None:
    await openai.order("/faults", {"job": fate, "times": 1})


async def test_results_can_come_shuffled(openai: Rehearsal) -> None:
    await _doom(openai, shuffle=True)
    ids = await openai.ids((await openai.finish(jsonl(50))).output_file_id)
    assert ids != [f"r-{index}" for index in range(50)]
    assert sorted(ids) == sorted(f"r-{index}" for index in range(50))


async def test_results_can_lack_lines(openai: Rehearsal) -> None:
    await _doom(openai, lose_every=3)
    batch = await openai.finish(jsonl(4))
    assert await openai.ids(batch.output_file_id) == ["r-0", "r-1", "r-3"]
    assert batch.request_counts
    assert batch.request_counts.completed == 4


async def test_results_can_have_lines_twice(openai: Rehearsal) -> None:
    await _doom(openai, duplicate_every=2)
    batch = await openai.finish(jsonl(3))
    assert await openai.ids(batch.output_file_id) == ["r-0", "r-1", "r-1", "r-2"]


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_lines_can_fail_as_the_provider_fails_them(openai: Rehearsal, status: int) -> None:
    await _doom(openai, fail_every=2, fail_status=status)
    batch = await openai.finish(jsonl(3))
    assert await openai.ids(batch.output_file_id) == ["r-0", "r-2"]
    failed = await openai.lines(batch.error_file_id)
    assert [line["custom_id"] for line in failed] == ["r-1"]
    assert failed[0]["response"]["status_code"] == status
    assert failed[0]["response"]["body"]["error"].keys() == {"message", "type", "param", "code"}
    assert batch.request_counts
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 1)


async def test_lines_can_time_out(openai: Rehearsal) -> None:
    await _doom(openai, fail_every=1, fail_status=0)
    batch = await openai.finish(jsonl(2))
    assert (batch.status, batch.output_file_id) == ("completed", None)
    failed = await openai.lines(batch.error_file_id)
    assert failed[0]["response"] is None
    assert failed[0]["error"]["code"] == "request_timeout"


async def test_a_line_can_ask_for_its_failure_itself(openai: Rehearsal) -> None:
    marked = jsonl(1, metadata={"fault": json.dumps({"kind": "status", "status": 429})})
    batch = await openai.finish(marked + jsonl(2).splitlines()[1])
    assert await openai.ids(batch.output_file_id) == ["r-1"]
    assert (await openai.lines(batch.error_file_id))[0]["response"]["status_code"] == 429
    assert batch.request_counts
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 1)


async def test_a_job_can_expire_with_part_of_its_lines_done(openai: Rehearsal) -> None:
    await _doom(openai, expire_at=0.3)
    batch = await openai.finish(jsonl(10))
    assert batch.status == "expired"
    assert await openai.ids(batch.output_file_id) == ["r-0", "r-1", "r-2"]
    assert len(await openai.lines(batch.error_file_id)) == 7


async def test_a_job_can_stop_moving_until_its_window_ends(openai: Rehearsal) -> None:
    await _doom(openai, stuck_at=0.5)
    batch = await openai.finish(jsonl(10), after=DAY - 1)
    assert batch.request_counts
    assert (batch.status, batch.request_counts.completed) == ("in_progress", 5)
    await openai.wait(10)
    assert (await openai.client.batches.retrieve(batch.id)).status == "expired"


async def test_a_job_that_stopped_can_be_made_to_move_again(openai: Rehearsal) -> None:
    await _doom(openai, stuck_at=0.5)
    batch = await openai.finish(jsonl(10))
    await openai.order(f"/jobs/{batch.id}", {})
    assert (await openai.client.batches.retrieve(batch.id)).status == "completed"


async def test_counts_can_disagree_with_the_lines(openai: Rehearsal) -> None:
    await _doom(openai, counts_off_by=3)
    batch = await openai.finish(jsonl(2))
    assert batch.request_counts
    assert batch.request_counts.completed == 5
    assert len(await openai.lines(batch.output_file_id)) == 2


async def test_the_list_can_lag_behind(openai: Rehearsal) -> None:
    await _doom(openai, list_after_seconds=5)
    created = await openai.create(jsonl(1))
    assert (await openai.client.batches.list()).data == []
    assert (await openai.client.batches.retrieve(created.id)).id == created.id
    await openai.wait(5)
    assert [batch.id for batch in (await openai.client.batches.list()).data] == [created.id]


async def test_validation_can_fail_for_no_fault_of_the_files(openai: Rehearsal) -> None:
    await _doom(openai, problem="input_missing")
    batch = await openai.finish(jsonl(1))
    assert batch.errors
    assert batch.input_file_id in f"{(batch.errors.data or [])[0].message}"


async def test_over_the_enqueued_limit_a_job_fails_late_and_is_taken_when_others_have_ended(
    openai: Rehearsal,
) -> None:
    await openai.create(jsonl(10))
    tokens = (await openai.look("/jobs"))[0]["tokens"]
    await openai.order("/rules", {"enqueued_tokens": tokens + 1})
    late = await openai.create(jsonl(10))
    await openai.wait(1)
    failed = await openai.client.batches.retrieve(late.id)
    assert failed.errors
    error = (failed.errors.data or [])[0]
    assert (failed.status, error.code, error.line) == ("failed", "token_limit_exceeded", None)
    assert "Enqueued token limit reached for gpt-4o-mini" in f"{error.message}"
    await openai.wait(20)
    assert (await openai.finish(jsonl(10))).status == "completed"


@pytest.mark.parametrize("status", [400, 429])
async def test_over_the_enqueued_limit_a_create_can_be_refused_at_once(
    azure_v1: Rehearsal, status: int
) -> None:
    await azure_v1.order("/rules", {"enqueued_tokens": 1, "over_enqueued": str(status)})
    with pytest.raises(sdk.APIStatusError) as caught:
        await azure_v1.create(jsonl(1))
    assert (caught.value.status_code, caught.value.code) == (status, "token_limit_exceeded")
    assert await azure_v1.look("/jobs") == []


async def test_too_many_lines_fail_validation(openai: Rehearsal) -> None:
    await openai.order("/rules", {"max_lines": 3})
    batch = await openai.finish(jsonl(4))
    assert (batch.status, len(batch.errors.data or []) if batch.errors else 0) == ("failed", 1)


async def test_a_fate_is_for_so_many_jobs_after_those_that_are_skipped(openai: Rehearsal) -> None:
    await openai.order("/faults", {"job": {"expire_at": 0}, "skip": 1, "times": 1})
    assert [(await openai.finish(jsonl(1))).status for _ in range(3)] == ["completed", "expired", "completed"]
