"""What happens at an odd moment: before the first task, after the window, while children start."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment

from overnight.domain.status import BatchStatus, StopReason
from tests.operating import reset, waits_for
from tests.workflows.gate import Gate
from tests.workflows.scripted import Script
from tests.workflows.stage import Stage
from tests.workflows.stories import BOTH_CHUNKS, MANY_SHARDS, ONE_SHARD, Handle
from workflows import options
from workflows.batch import BatchOutcome, BatchWorkflow
from workflows.runs import BatchRuns

PATIENCE = 30
"""Seconds after which a batch that should have ended hangs."""


def batch_handle(client: Client, batch_id: str) -> Handle:
    return client.get_workflow_handle(batch_id, result_type=BatchOutcome)


async def test_a_cancel_before_the_first_task_sends_nothing(stage: Stage) -> None:
    script = Script(ONE_SHARD)
    handle = await stage.begin(await stage.order())
    await handle.signal(BatchWorkflow.cancel)
    async with stage.playing(script):
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert script.chunks == []
    assert [seal.missing for seal in script.seals] == [StopReason.CANCELLED.no_answer]


async def test_the_uis_cancel_before_the_first_task_does_the_same(stage: Stage) -> None:
    script = Script(ONE_SHARD)
    handle = await stage.begin(await stage.order())
    await handle.cancel()
    async with stage.playing(script):
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert script.statuses[-1] is BatchStatus.CANCELLED
    assert script.chunks == []


async def test_a_batch_whose_window_has_passed_before_it_runs_sends_nothing(stage: Stage) -> None:
    script = Script(MANY_SHARDS)
    handle = await stage.begin(await stage.order(window=timedelta(0)))
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        outcome = await handle.result()
    assert outcome.status is BatchStatus.EXPIRED
    assert script.chunks == []
    assert {seal.missing for seal in script.seals} == {StopReason.EXPIRED.no_answer}
    assert len(script.seals) == len(MANY_SHARDS.shards)


async def test_a_cancel_that_comes_after_the_window_changes_neither_the_lines_nor_the_status(
    stage: Stage,
) -> None:
    script = Script(ONE_SHARD, seal_gate=asyncio.Event())
    assert script.seal_gate is not None
    handle = await stage.begin(await stage.order(window=timedelta(0)))
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        await script.seal_started.wait()
        await handle.signal(BatchWorkflow.cancel)
        script.seal_gate.set()
        outcome = await handle.result()
    assert [seal.missing for seal in script.seals] == [StopReason.EXPIRED.no_answer]
    assert outcome.status is BatchStatus.EXPIRED
    assert script.statuses == [BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.EXPIRED]


async def test_a_story_that_is_told_again_after_the_clock_went_back_is_written_all_the_same(
    stage: Stage,
) -> None:
    future = await stage.environment.get_current_time() + timedelta(days=400)
    ahead = int(future.timestamp() * 1_000_000)
    script = Script(ONE_SHARD, row_revision=ahead)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        outcome = await (await stage.begin(await stage.order())).result()
    assert outcome.status is BatchStatus.COMPLETED
    assert script.statuses == [BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.COMPLETED]
    assert all(change.revision > ahead for change in script.records)


async def test_a_cancel_between_the_order_for_a_child_and_its_start_reaches_it(
    temporal: WorkflowEnvironment,
) -> None:
    gate, script = Gate(), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
    stage = Stage(temporal, gate=gate)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        handle = await stage.begin(await stage.order())
        await gate.reached.wait()
        await handle.signal(BatchWorkflow.cancel)
        gate.opened.set()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert [seal.missing for seal in script.seals] == [StopReason.CANCELLED.no_answer]


async def test_a_shard_that_is_cancelled_begins_no_other_chunk(stage: Stage) -> None:
    first = {(0, chunk) for chunk in range(options.MAX_PARALLEL_CHUNKS)}
    script = Script(replace(ONE_SHARD, lines=70, shards=(7,)), stuck=first)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.all_stuck.wait()
        await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert {(chunk.shard, chunk.chunk) for chunk in script.chunks} == first


async def test_a_shard_that_somebody_terminates_is_sealed_as_cancelled(temporal: WorkflowEnvironment) -> None:
    stage, script = Stage(temporal), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.all_stuck.wait()
        await temporal.client.get_workflow_handle(f"{handle.id}/shard-0000").terminate()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.COMPLETED
    assert outcome.counts.done == 20
    assert [seal.missing for seal in script.seals] == [StopReason.CANCELLED.no_answer]


async def test_a_cancel_after_a_reset_reaches_the_shard_that_runs_on(temporal: WorkflowEnvironment) -> None:
    stage, script = Stage(temporal), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        batch_id = (await stage.begin(await stage.order())).id
        await script.all_stuck.wait()
        await reset(temporal.client, batch_id)
        while not await waits_for(temporal.client, batch_id, "until_closed"):  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.05)
        handle = batch_handle(temporal.client, batch_id)
        await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert (outcome.counts.completed, outcome.counts.done) == (2 * script.answered_when_stopped, 20)
    assert len(script.chunks) == len(BOTH_CHUNKS)


async def test_a_terminated_batch_that_is_started_again_delivers_what_it_has(
    temporal: WorkflowEnvironment,
) -> None:
    stage, script = Stage(temporal), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
    order, runs = await stage.order(), BatchRuns(temporal.client)
    async with stage.playing(script):
        await runs.start(order)
        await script.all_stuck.wait()
        handle = batch_handle(temporal.client, order.batch_id)
        await handle.terminate()
        sent = len(script.chunks)
        await runs.start_again(order, cancelled=True)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert outcome.counts.done == 20
    assert len(script.chunks) == sent


async def test_a_batch_that_runs_is_not_started_again(temporal: WorkflowEnvironment) -> None:
    stage, script = Stage(temporal), Script(ONE_SHARD, ingest_gate=asyncio.Event())
    assert script.ingest_gate is not None
    order, runs = await stage.order(), BatchRuns(temporal.client)
    async with stage.playing(script):
        await runs.start(order)
        await script.ingest_started.wait()
        await runs.start_again(order, cancelled=False)
        script.ingest_gate.set()
        handle = batch_handle(temporal.client, order.batch_id)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.COMPLETED
    assert script.statuses.count(BatchStatus.IN_PROGRESS) == 1


async def test_no_shard_is_begun_once_another_has_failed_for_good(stage: Stage) -> None:
    error = ApplicationError("2 lines have no answer", type="UnansweredLines", non_retryable=True)
    script = Script(MANY_SHARDS, seal_error=error)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert {chunk.shard for chunk in script.chunks} <= {0, 1}
    assert script.records[-1].errors[0].message == "2 lines have no answer"


async def test_a_batch_that_is_over_stays_so_when_its_checkpoints_cannot_be_removed(stage: Stage) -> None:
    error = ApplicationError("not today", type="Odd", non_retryable=True)
    script = Script(ONE_SHARD, tidy_error=error)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert script.statuses[-1] is BatchStatus.COMPLETED
    assert script.records[-1].output_file_id == "file-out"
