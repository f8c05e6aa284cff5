"""What a batch tells its sinks: each event to each of them, late if need be, at no cost to the batch."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from activities.event_payloads import Telling
from activities.payloads import Manifest
from overnight.domain.event import EventType, Occurrence
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from tests.conftest import skipping_time
from tests.workflows.impatient import Impatient
from tests.workflows.scripted import Script
from tests.workflows.stage import Stage
from tests.workflows.stories import BOTH_CHUNKS, ONE_SHARD, _mistake
from workflows import queues
from workflows.batch import BatchWorkflow
from workflows.events import EventWorkflow, event_workflow_id

PATIENCE = timedelta(seconds=60)
Told = dict[EventType, Occurrence]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A stage on a server of its own."""
    # An event outlives its batch, and where nobody attends to it a shared clock would stand still.
    async with skipping_time() as environment:
        yield Stage(environment)


async def all_told(script: Script, *events: EventType) -> dict[str, Told]:
    """Wait until every sink has heard of the last of these events, and return what each was told."""
    heard = {(sink, event) for sink in script.sinks for event in events}
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not heard <= {(sink, told.type) for sink, told in script.events_told}:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.02)
    return {
        sink: {told.type: told for name, told in script.events_told if name == sink} for sink in script.sinks
    }


async def played(stage: Stage, script: Script, *events: EventType) -> dict[str, Told]:
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        try:
            await handle.result()
        except WorkflowFailureError:
            assert BatchStatus.FAILED in script.statuses
        return await all_told(script, *events)


async def test_every_sink_hears_of_a_batch_from_its_beginning_to_its_end(stage: Stage) -> None:
    script = Script(ONE_SHARD, sinks=("audit", "otlp"))
    told = await played(stage, script, EventType.CREATED, EventType.SUBMITTED, EventType.SUCCESS)
    for of_one in told.values():
        assert sorted(of_one) == sorted([EventType.CREATED, EventType.SUBMITTED, EventType.SUCCESS])
        assert of_one[EventType.SUCCESS].counts == Counts(20, 20, 0)
    moments = [(change.status, change.stamps.completed_at) for change in script.records]
    assert (BatchStatus.COMPLETED, told["otlp"][EventType.SUCCESS].at) in moments
    ids = {occurrence.event_id for _, occurrence in script.events_told}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("script", "last"),
    [
        (Script(Manifest(problems=3), sinks=("audit",)), EventType.FAILED),
        (Script(ONE_SHARD, seal_error=_mistake(), sinks=("audit",)), EventType.FAILED),
    ],
    ids=["an input that is refused", "a mistake of ours"],
)
async def test_sinks_hear_that_a_batch_has_failed(stage: Stage, script: Script, last: EventType) -> None:
    (told,) = (await played(stage, script, EventType.CREATED, last)).values()
    assert EventType.SUCCESS not in told


async def test_sinks_hear_of_a_batch_that_was_cancelled(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=BOTH_CHUNKS, sinks=("audit",))
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.all_stuck.wait()
        await handle.signal(BatchWorkflow.cancel)
        await handle.result()
        told = await all_told(script, EventType.SUBMITTED, EventType.CANCELLED)
    assert told["audit"][EventType.CANCELLED].counts == Counts(20, 6, 14)


async def test_sinks_hear_of_a_batch_whose_window_has_ended(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=BOTH_CHUNKS, sinks=("audit",))
    async with stage.playing(script):
        handle = await stage.begin(await stage.order(window=timedelta(seconds=3)))
        await handle.result()
        await all_told(script, EventType.SUBMITTED, EventType.EXPIRED)


async def test_progress_is_told_by_the_quarter_and_once(stage: Stage) -> None:
    script = Script(ONE_SHARD, chunk_failures=Counter({(0, 1): 12}), sinks=("audit",))
    await played(stage, script, EventType.SUCCESS)
    progress = [told for _, told in script.events_told if told.type is EventType.PROGRESS]
    assert [(told.step, told.counts) for told in progress] == [(2, Counts(20, 10, 0))]


async def test_a_sink_that_is_down_delays_neither_the_batch_nor_the_other_sink(
    temporal: WorkflowEnvironment,
) -> None:
    stage = Stage(temporal)
    script = Script(ONE_SHARD, sinks=("dead", "well"), sinks_down={"dead"})
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        outcome = await handle.result()
        assert outcome.status is BatchStatus.COMPLETED
        while len(script.events_told) < 3:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.02)
        assert {sink for sink, _ in script.events_told} == {"well"}
        script.sinks_down.clear()
        told = await all_told(script, EventType.CREATED, EventType.SUBMITTED, EventType.SUCCESS)
    assert told["dead"] == told["well"]


async def test_a_sink_that_is_down_for_days_still_hears_of_an_event(stage: Stage) -> None:
    script = Script(ONE_SHARD, sinks=("dead",), sinks_down={"dead"})
    async with stage.playing(script):
        event = await begin_event(stage, script)
        for _ in range(12):
            await stage.sleep(timedelta(hours=4))
        assert script.events_told == []
        script.sinks_down.clear()
        await event.result()
    assert [sink for sink, _ in script.events_told] == ["dead"]


async def test_an_event_for_a_sink_that_is_no_longer_configured_comes_to_an_end(
    temporal: WorkflowEnvironment,
) -> None:
    stage = Stage(temporal)
    script = Script(ONE_SHARD, sinks=("gone", "well"), sinks_gone={"gone"})
    async with stage.playing(script, Impatient()):
        await (await begin_event(stage, script)).result()
    assert [sink for sink, _ in script.events_told] == ["well"]


async def test_with_no_sink_but_the_log_a_batch_starts_no_workflow_for_its_events(stage: Stage) -> None:
    async def children(script: Script) -> list[str]:
        async with stage.playing(script):
            handle = await stage.begin(await stage.order())
            await handle.result()
            history = await handle.fetch_history()
        started = (
            event.start_child_workflow_execution_initiated_event_attributes for event in history.events
        )
        return [each.workflow_type.name for each in started if each.workflow_id]

    assert await children(Script(ONE_SHARD)) == ["Shard"]
    assert sorted(await children(Script(ONE_SHARD, sinks=("audit", "otlp")))) == ["Event"] * 3 + ["Shard"]


async def begin_event(stage: Stage, script: Script) -> WorkflowHandle[EventWorkflow, None]:
    occurrence = Occurrence(
        batch_id=f"batch_{secrets.token_hex(8)}",
        type=EventType.SUCCESS,
        at=await stage.environment.get_current_time(),
    )
    return await stage.client.start_workflow(
        EventWorkflow.run,
        Telling(occurrence=occurrence, sinks=script.sinks),
        id=event_workflow_id(occurrence),
        task_queue=queues.BATCHES,
    )
