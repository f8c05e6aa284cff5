"""Terminate and Reset in Temporal's UI, while a provider has the job: it runs no other, and keeps no file."""

from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from temporalio.client import Client

from overnight.domain import ids
from overnight.domain.file import BatchFileKind
from tests.acceptance.housekeeping import keep_house
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import (
    NEVER,
    Provider,
    assert_done_once,
    assert_nothing_left,
    assert_stopped_short,
    waiting_on,
)
from tests.acceptance.serving import Served, answered, ended, eventually, until
from tests.operating import is_over, reset, waits_for

LINES = 10
DONE = 5

BATCH = ""
SHARD = "/shard-0000"
"""What follows the batch's id in the ids of its workflows."""

TERMINATED = {BATCH: "cancelled", SHARD: "completed"}
"""How a batch ends when one of its workflows was terminated: of a shard, only the lines are cancelled."""

either = pytest.mark.parametrize("which", [BATCH, SHARD], ids=["batch", "shard"])


@either
async def test_what_was_terminated_is_cancelled_at_its_provider_and_delivers_what_that_has_finished(
    *, native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path, which: str
) -> None:
    openai.doom(stuck_at=DONE / LINES)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    answered(sdk, batch.id, lines=DONE, log=native.log)

    await operator.get_workflow_handle(batch.id + which).terminate("by hand")
    await keep_house(operator)

    final = ended(sdk, batch.id, log=native.log)
    assert final.status == TERMINATED[which]
    assert_stopped_short(sdk, final, done=DONE, of=LINES, code="batch_cancelled")
    _assert_cancelled_and_gone(openai, final)


@either
@pytest.mark.parametrize("model", ["night", "azure-dated"])
async def test_a_job_of_which_only_its_provider_knows_is_found_by_its_tag(
    *,
    native: Served,
    sdk: OpenAI,
    operator: Client,
    provider: Provider,
    tmp_path: Path,
    model: str,
    which: str,
) -> None:
    provider.doom(stuck_at=DONE / LINES)
    provider.fault(verb="batches.create", kind="hang", done=True, times=1)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model=model))
    until(lambda: [job["completed"] for job in provider.jobs(batch)] == [DONE], log=native.log)

    await operator.get_workflow_handle(batch.id + which).terminate("by hand")
    await keep_house(operator)

    final = ended(sdk, batch.id, log=native.log)
    assert final.status == TERMINATED[which]
    assert_stopped_short(sdk, final, done=DONE, of=LINES, code="batch_cancelled")
    _assert_cancelled_and_gone(provider, final)


@either
async def test_a_reset_while_the_job_runs_makes_no_second_one(
    *, native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path, which: str
) -> None:
    batch = await _running(sdk, operator, openai, tmp_path)

    await reset(operator, batch.id + which)
    await _told_again(operator, batch, which, step="openai.poll")
    openai.let_pass(NEVER)

    _assert_completed_with_one_job(native, sdk, openai, batch)


@either
async def test_a_reset_while_the_results_are_fetched_fetches_them_again(
    *, native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path, which: str
) -> None:
    batch = await _running(sdk, operator, openai, tmp_path)
    openai.fault(verb="files.content", kind="status", status=503)
    openai.let_pass(NEVER)
    await eventually(lambda: waits_for(operator, batch.id + SHARD, "openai.download"))

    await reset(operator, batch.id + which)
    await _told_again(operator, batch, which, step="openai.download")
    openai.heal()

    _assert_completed_with_one_job(native, sdk, openai, batch)


@either
async def test_a_reset_once_nothing_is_left_at_the_provider_delivers_what_was_fetched(
    *, native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path, which: str
) -> None:
    batch = await _running(sdk, operator, openai, tmp_path)
    # A folder where the output is to be: the batch goes no further than that.
    output = ids.output_file_id(batch.id, BatchFileKind.OUTPUT)
    in_the_way = native.data / "objects" / "files" / output
    in_the_way.mkdir()
    openai.let_pass(NEVER)
    await eventually(lambda: waits_for(operator, batch.id, "collect"))
    assert_nothing_left(openai, batch)
    uploads = openai.calls("files.create")

    await reset(operator, batch.id + which)
    if which == SHARD:
        await eventually(lambda: is_over(operator, batch.id + SHARD))
    await eventually(lambda: waits_for(operator, batch.id, "collect"))
    in_the_way.rmdir()

    _assert_completed_with_one_job(native, sdk, openai, batch)
    assert openai.calls("files.create") == uploads


async def test_a_reset_goes_on_with_the_job_that_is_there_and_not_with_one_that_had_found_no_room(
    native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path
) -> None:
    openai.doom(seconds=NEVER)
    path = write_requests(tmp_path / "in.jsonl", LINES, model="narrow-reset")
    other = submit(sdk, path)
    until(lambda: sdk.batches.retrieve(other.id).status == "in_progress", log=native.log)
    openai.rule(enqueued_tokens=openai.jobs(other)[0]["tokens"] + 1)
    batch = submit(sdk, path)
    until(lambda: "nqueued token limit" in waiting_on(sdk, batch), log=native.log)
    # Its second job is made once that of the other batch has ended, and shows that there is room again.
    openai.doom(validating_seconds=NEVER)
    openai.let_pass(NEVER)
    until(lambda: len(openai.jobs(batch)) == 2, log=native.log)
    await eventually(lambda: waits_for(operator, batch.id + SHARD, "openai.poll"))

    await reset(operator, batch.id + SHARD)
    await _told_again(operator, batch, SHARD, step="openai.poll")
    openai.let_pass(NEVER)

    final = ended(sdk, batch.id, log=native.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(sdk, final, LINES)
    assert [job["status"] for job in openai.jobs(final)] == ["failed", "completed"]
    assert_nothing_left(openai, final)


async def test_a_batch_that_was_reset_can_be_cancelled_at_its_provider(
    native: Served, sdk: OpenAI, operator: Client, openai: Provider, tmp_path: Path
) -> None:
    openai.doom(stuck_at=DONE / LINES)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    answered(sdk, batch.id, lines=DONE, log=native.log)
    await reset(operator, batch.id)
    await _told_again(operator, batch, BATCH, step="until_closed")

    sdk.batches.cancel(batch.id)

    final = ended(sdk, batch.id, log=native.log)
    assert final.status == "cancelled"
    assert_stopped_short(sdk, final, done=DONE, of=LINES, code="batch_cancelled")
    _assert_cancelled_and_gone(openai, final)


async def _running(sdk: OpenAI, operator: Client, openai: Provider, folder: Path) -> Any:
    """Return a batch whose job runs, and goes on to do so until NEVER has passed."""
    openai.doom(seconds=NEVER)
    batch = submit(sdk, write_requests(folder / "in.jsonl", LINES))
    until(lambda: sdk.batches.retrieve(batch.id).status == "in_progress")
    await eventually(lambda: waits_for(operator, batch.id + SHARD, "openai.poll"))
    return batch


async def _told_again(operator: Client, batch: Any, which: str, *, step: str) -> None:
    """Wait until a story that was reset is where it was: at a step of the shard's, or waiting for its end."""
    await eventually(
        lambda: waits_for(operator, batch.id + which, step if which == SHARD else "until_closed")
    )


def _assert_completed_with_one_job(native: Served, sdk: OpenAI, openai: Provider, batch: Any) -> None:
    final = ended(sdk, batch.id, log=native.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(sdk, final, LINES)
    assert len(openai.jobs(final)) == 1
    assert_done_once(openai, final)


def _assert_cancelled_and_gone(provider: Provider, batch: Any) -> None:
    (job,) = provider.jobs(batch)
    assert job["cancelled_by"] == "overnight"
    assert_nothing_left(provider, batch)
