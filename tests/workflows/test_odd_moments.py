"""What happens at an odd moment: before the first task, after the window, while children start."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment

from activities.executions import described
from activities.lost_shards import tell_of_lost_shards
from activities.payloads import Route
from overnight.domain.deployment import BatchLane
from overnight.domain.status import BatchStatus, StopReason
from tests.operating import reset, waits_for
from tests.workflows.gate import Gate
from tests.workflows.scripted import Script
from tests.workflows.scripted_provider import Fate, ScriptedProvider
from tests.workflows.stage import Stage
from tests.workflows.stories import BOTH_CHUNKS, MANY_SHARDS, ONE_SHARD, Handle
from workflows import options
from workflows.batch import BatchOutcome, BatchWorkflow
from workflows.runs import BatchRuns

PATIENCE = 60
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


async def test_a_shard_whose_end_is_not_heard_after_a_reset_is_told_again_once(
    temporal: WorkflowEnvironment,
) -> None:
    stage, script = Stage(temporal), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        first = await stage.begin(await stage.order())
        await _noticed_its_shard(script, first)
        await first.terminate()
        await reset(temporal.client, first.id, to_the_last=True)
        script.stuck, script.tidy_gate = set(), asyncio.Event()
        while not script.tidy_started.is_set():
            await _look_for_lost_shards(temporal.client, first.id)
            await asyncio.sleep(0.5)
        await _look_for_lost_shards(temporal.client, first.id)
        script.tidy_gate.set()
        handle = batch_handle(temporal.client, first.id)
        outcome = await handle.result()
        signals = [event async for event in handle.fetch_history_events() if _is_signal(event)]
    assert outcome.status is BatchStatus.COMPLETED
    assert (outcome.counts.completed, outcome.counts.done) == (20, 20)
    # Whether the end of the shard is heard is a race between the server and whoever resets.
    assert len(signals) <= 1


async def _noticed_its_shard(script: Script, batch: Handle) -> None:
    """Wait until the batch has taken a step since its shard was started."""
    await script.all_stuck.wait()
    steps: list[EventType.ValueType] = []
    while EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED not in steps:
        steps = [event.event_type async for event in batch.fetch_history_events()]
        steps = steps[steps.index(EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED) :]
        await asyncio.sleep(0.05)


async def _look_for_lost_shards(client: Client, batch_id: str) -> None:
    batch = await described(client, batch_id)
    assert batch is not None
    await tell_of_lost_shards(client, batch)


def _is_signal(event: HistoryEvent) -> bool:
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


async def test_a_cancel_after_a_reset_to_the_last_step_reaches_the_shard(
    temporal: WorkflowEnvironment,
) -> None:
    stage, script = Stage(temporal), Script(ONE_SHARD, stuck=BOTH_CHUNKS)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        first = await stage.begin(await stage.order())
        await _noticed_its_shard(script, first)
        await reset(temporal.client, first.id, to_the_last=True)
        handle = batch_handle(temporal.client, first.id)
        await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert (outcome.counts.completed, outcome.counts.done) == (2 * script.answered_when_stopped, 20)


async def test_a_shard_that_is_told_to_be_lost_as_it_ends_is_done(stage: Stage) -> None:
    script = Script(replace(ONE_SHARD, lines=40, shards=(2, 2)), stuck={(1, 0)})
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        handle = await stage.begin(await stage.order())
        while not script.seals:  # noqa: ASYNC110 - it is sealed by an activity
            await asyncio.sleep(0.05)
        await handle.signal(BatchWorkflow.shard_lost, f"{handle.id}/shard-0000")
        await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert outcome.counts.done == 40
    # Whether the shard had ended before that was said is a race.
    assert {seal.shard for seal in script.seals} == {0, 1}


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


@pytest.mark.parametrize("step", ["upload", "poll"])
async def test_a_step_that_fails_while_it_is_being_cancelled_fails_no_batch(
    temporal: WorkflowEnvironment, step: str
) -> None:
    """Temporal does not try a step again that is being cancelled: what comes is its last failure."""
    at_once = Fate(validating=timedelta(0), cancelling=timedelta(0))
    provider = ScriptedProvider(deaf=step, fates=[at_once])
    route = Route(deployment="dep_openai", provider=provider.name, lane=BatchLane.NATIVE)
    manifest = replace(ONE_SHARD, provider=provider.name, routes=(route,))
    stage, script = Stage(temporal), Script(manifest, provider=provider)
    async with asyncio.timeout(PATIENCE), stage.playing(script):
        handle = await stage.begin(await stage.order())
        await provider.hanging.wait()
        await handle.signal(BatchWorkflow.cancel)
        await asked_to_stop(temporal.client, f"{handle.id}/shard-0000")
        provider.lost.set()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert [order.stopped for order in provider.downloads] == [StopReason.CANCELLED] * (step == "poll")
    assert all(job.cancelled_at for job in provider.jobs.values())


async def asked_to_stop(client: Client, workflow_id: str) -> None:
    """Wait until the server was told to cancel a step of the workflow."""
    name = "activity_task_cancel_requested_event_attributes"
    while not any(event.HasField(name) for event in await events_of(client, workflow_id)):  # noqa: ASYNC110 - it is elsewhere
        await asyncio.sleep(0.05)


async def events_of(client: Client, workflow_id: str) -> Sequence[HistoryEvent]:
    return (await client.get_workflow_handle(workflow_id).fetch_history()).events
