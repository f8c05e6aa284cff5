"""A Reset in Temporal's UI where what had begun is hard to see: elsewhere, a moment ago, or cut off."""

from pathlib import Path
from typing import Any

from openai import OpenAI
from temporalio.client import Client

from overnight.domain import ids
from overnight.domain.file import BatchFileKind
from tests.acceptance.housekeeping import keep_house
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import (
    LIST_LAG_SECONDS,
    NEVER,
    SPEED,
    Provider,
    assert_done_once,
    assert_nothing_left,
    assert_stopped_short,
)
from tests.acceptance.serving import Served, answered, ended, eventually, until
from tests.operating import is_over, reset, waits_for

LINES = 10
DONE = 5
SHARD = "/shard-0000"


async def test_a_reset_asks_no_other_deployment_than_the_one_that_had_the_job(
    *, native: Served, sdk: OpenAI, operator: Client, openai: Provider, azure: Provider, tmp_path: Path
) -> None:
    path = write_requests(tmp_path / "in.jsonl", LINES, model="either")
    batch = submit(sdk, path)
    # A folder where the output is to be: the batch goes no further than that, and its place is free again.
    in_the_way = native.data / "objects" / "files" / ids.output_file_id(batch.id, BatchFileKind.OUTPUT)
    in_the_way.mkdir()
    await eventually(lambda: waits_for(operator, batch.id, "collect"))
    first, second = (openai, azure) if openai.jobs(batch) else (azure, openai)
    # Now the deployment that had the job has more to do than the other.
    first.doom(seconds=NEVER)
    other = submit(sdk, path)
    until(lambda: first.jobs(other) or second.jobs(other), log=native.log)

    await reset(operator, batch.id)
    await eventually(lambda: waits_for(operator, batch.id, "collect"))
    in_the_way.rmdir()

    final = ended(sdk, batch.id, log=native.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(sdk, final, LINES)
    assert (len(first.jobs(batch)), second.jobs(batch)) == (1, [])
    assert_done_once(first, final)
    first.let_pass(NEVER)
    ended(sdk, other.id, log=native.log)


async def test_a_reset_before_a_list_shows_the_job_makes_no_second_one(
    native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path
) -> None:
    openai.doom(list_after_seconds=(LIST_LAG_SECONDS - 0.5) * SPEED, seconds=100)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    until(lambda: openai.jobs(batch), log=native.log)

    await reset(operator, batch.id + SHARD)

    final = ended(sdk, batch.id, log=native.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert len(openai.jobs(final)) == 1
    assert_done_once(openai, final)


async def test_a_batch_that_was_terminated_and_reset_to_where_it_was_completes(
    native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path
) -> None:
    openai.doom(seconds=NEVER)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    until(lambda: sdk.batches.retrieve(batch.id).status == "in_progress", log=native.log)
    await _terminate_and_reset(operator, batch)
    openai.let_pass(NEVER)
    await _kept_house_until_ended(operator, sdk, batch)

    final = ended(sdk, batch.id, log=native.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(sdk, final, LINES)
    assert len(openai.jobs(final)) == 1
    assert_done_once(openai, final)


async def test_a_batch_that_was_terminated_and_reset_to_where_it_was_can_be_cancelled(
    native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path
) -> None:
    openai.doom(stuck_at=DONE / LINES)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    answered(sdk, batch.id, lines=DONE, log=native.log)
    await _terminate_and_reset(operator, batch)
    sdk.batches.cancel(batch.id)
    await _kept_house_until_ended(operator, sdk, batch)

    final = ended(sdk, batch.id, log=native.log)
    assert final.status == "cancelled"
    assert_stopped_short(sdk, final, done=DONE, of=LINES, code="batch_cancelled")
    (job,) = openai.jobs(final)
    assert job["cancelled_by"] == "overnight"
    assert_nothing_left(openai, final)


async def _terminate_and_reset(operator: Client, batch: Any) -> None:
    """End a batch, and its shard with it; then have it go on from the last step that it had taken."""
    await operator.get_workflow_handle(batch.id).terminate("by hand")
    await eventually(lambda: is_over(operator, batch.id + SHARD))
    await reset(operator, batch.id, to_the_last=True)


async def _kept_house_until_ended(operator: Client, sdk: OpenAI, batch: Any) -> None:
    """Keep house again and again: what has ended a moment ago is left for the next time."""

    async def over() -> bool:
        await keep_house(operator)
        return sdk.batches.retrieve(batch.id).status in {"completed", "cancelled"}

    await eventually(over)
