"""Workers: every step has one on its queue, together they tell a batch, and stopping costs no line."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities import job_results
from activities.job_payloads import Submission
from activities.missed import ENOUGH_LOOKS
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain.batch import BatchOrder
from overnight.domain.deployment import BatchLane
from overnight.domain.errors import UnknownBatch
from overnight.domain.ids import new_batch_id
from overnight.domain.plan import MAX_CHUNK_LINES
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.events.settings import WebhookSettings
from overnight.storage.memory import MemoryStorage
from simulators.endpoint import EndpointSimulator
from tests.activities.house import House, deployment, line, order, settings
from tests.overnight.providers.desks import AZURE, OPENAI, opened
from tests.workers.site import Site
from tests.workflows.record import HISTORIES
from workers import run
from workers.terms import MAX_CHUNKS, Terms
from workflows import queues
from workflows.housekeeping import HousekeepingWorkflow
from workflows.runs import BatchRuns

HANGS = {"metadata": {"fault": json.dumps({"kind": "hang", "times": 1})}}
"""A line that gets no answer the first time."""

NEVER = 20_000
"""Seconds of a provider's that nobody waits for: until a test lets them pass."""


def steps_of_recorded_stories() -> set[tuple[str, str]]:
    """Every activity that a workflow has ever asked for, and on which queue, all deployments' as one."""
    steps = set()
    for path in HISTORIES.glob("*.json"):
        for event in json.loads(path.read_text())["events"]:
            if asked := event.get("activityTaskScheduledEventAttributes"):
                steps.add((kind_of(asked["taskQueue"]["name"]), asked["activityType"]["name"]))
    return steps


def steps_of(worker: Worker) -> set[tuple[str, str]]:
    config = worker.config()
    names = {activity._Definition.must_from_callable(step).name for step in config["activities"]}
    return {(kind_of(config["task_queue"]), str(name)) for name in names}


def kind_of(queue: str) -> str:
    return queue.partition("-")[0]


@pytest.fixture
async def endpoint() -> AsyncIterator[EndpointSimulator]:
    async with EndpointSimulator() as simulator:
        yield simulator


@pytest.fixture
def here(endpoint: EndpointSimulator) -> Settings:
    return settings(deployment(api_base=endpoint.base_url))


@pytest.fixture
def house(catalog: Catalog) -> House:
    return House(catalog, MemoryStorage())


@pytest.fixture
def site(temporal: WorkflowEnvironment, house: House, here: Settings) -> Site:
    return Site(temporal, house, here)


async def test_every_step_of_the_recorded_stories_has_a_worker_on_its_queue(
    temporal: WorkflowEnvironment, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = deployment("dep_native", provider="openai", lane=BatchLane.NATIVE)
    audit = WebhookSettings(name="audit", url="http://127.0.0.1:9", secret="MDEyMw==")
    site = Site(temporal, house, settings(deployment(), native, sinks={"audit": audit}))
    registered = set[tuple[str, str]]()

    class Watched(Worker):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            registered.update(steps_of(self))

    monkeypatch.setattr(run, "Worker", Watched)
    async with site.working():
        pass
    recorded = steps_of_recorded_stories()
    assert {queue for queue, _ in recorded} == set(queues.ALL)
    assert recorded <= registered


async def test_each_lane_has_its_own_queues(
    temporal: WorkflowEnvironment, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled = list[str]()

    class Watched(Worker):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            polled.append(self.task_queue)

    monkeypatch.setattr(run, "Worker", Watched)
    here = settings(
        deployment("dep_lines"),
        deployment("dep_lines_too", provider="openai", other_ids=("dep_before",)),
        deployment("dep_native", provider="openai", lane=BatchLane.NATIVE),
        deployment("dep_native_too", provider="openai", lane=BatchLane.NATIVE),
        deployment("dep_azure", provider="azure", lane=BatchLane.NATIVE),
    )
    async with Site(temporal, house, here).working():
        pass
    assert polled == [
        "batches",
        "webhooks",
        "lines-dep_lines",
        "lines-dep_lines_too",
        "lines-dep_before",
        "provider-openai",
        "provider-azure",
    ]


async def test_workers_see_a_batch_through_at_its_provider(
    temporal: WorkflowEnvironment, house: House
) -> None:
    async with opened(OPENAI) as desk:
        desk.simulator.desk.clock.run_at(20)
        native = replace(desk.deployment, model_name="m", lane=BatchLane.NATIVE)
        here = replace(settings(native), poll_initial=timedelta(seconds=0.1), poll_max=timedelta(seconds=0.2))
        site = Site(temporal, house, here)
        async with site.working(queues.BATCHES), site.working(queues.PROVIDER):
            asked = await site.begin(*map(line, range(30)))
            outcome = await site.outcome(asked)
        (job_id,) = desk.job_ids()
        (noted,) = await house.catalog.jobs(asked.batch_id, limit=10)
    assert (outcome.status, outcome.counts) == (BatchStatus.COMPLETED, Counts(30, 30, 0))
    assert (noted.id, noted.status) == (job_id, BatchStatus.COMPLETED)


async def test_a_file_that_is_taken_in_slowly_holds_up_no_other_batch_and_is_submitted_as_for_the_first_time(
    temporal: WorkflowEnvironment, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MAX_CALLS", 1)
    async with opened(AZURE) as desk:
        desk.simulator.desk.clock.run_at(20)
        native = replace(desk.deployment, model_name="m", lane=BatchLane.NATIVE)
        here = replace(settings(native), poll_initial=timedelta(seconds=0.1), poll_max=timedelta(seconds=0.2))
        site = Site(temporal, house, here)
        async with site.working():
            desk.rule(file_pending_seconds=NEVER)
            slow = await site.begin(*map(line, range(3)))
            await waits_for_its_file(house, slow)
            desk.rule(file_pending_seconds=0)
            async with asyncio.timeout(60):
                other = await site.outcome(await site.begin(*map(line, range(3)), file_id="file-another"))
            assert await submitted_as(temporal, slow) is None
            desk.pass_time(NEVER)
            async with asyncio.timeout(60):
                assert (await site.outcome(slow)).status is other.status is BatchStatus.COMPLETED
    submission = await submitted_as(temporal, slow)
    assert submission is not None
    assert submission.repeated is False


async def waits_for_its_file(house: House, asked: BatchOrder) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(UnknownBatch):
                if "pending" in ((await house.catalog.batch(asked.batch_id)).waiting_on or ""):
                    return
            await asyncio.sleep(0.02)


async def submitted_as(temporal: WorkflowEnvironment, asked: BatchOrder) -> Submission | None:
    """Return what the batch's submit has come to, if it has ended."""
    shard, submits = temporal.client.get_workflow_handle(f"{asked.batch_id}/shard-0000"), set[int]()
    async for event in shard.fetch_history_events():
        if event.activity_task_scheduled_event_attributes.activity_type.name == "azure.submit":
            submits.add(event.event_id)
        ended = event.activity_task_completed_event_attributes
        if ended.scheduled_event_id in submits:
            converter = temporal.client.data_converter
            (submission,) = await converter.decode(ended.result.payloads, [Submission])
            assert isinstance(submission, Submission)
            return submission
    return None


async def test_what_a_poll_saw_outlasts_it(temporal: WorkflowEnvironment, house: House) -> None:
    async with opened(OPENAI) as desk:
        desk.fate(stuck_at=0.5)
        desk.simulator.desk.clock.run_at(20)
        native = replace(desk.deployment, model_name="m", lane=BatchLane.NATIVE)
        here = replace(settings(native), poll_initial=timedelta(seconds=0.1), poll_max=timedelta(seconds=0.2))
        site = Site(temporal, house, here)
        async with site.working():
            asked = await site.begin(*map(line, range(30)))
            assert await kept_by_the_poll(temporal, asked, done=15) > 0
            await temporal.client.get_workflow_handle(asked.batch_id).terminate()


async def test_a_download_knows_since_when_it_misses_results(
    temporal: WorkflowEnvironment, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Were it forgotten from one attempt to the next, this would never be over.
    monkeypatch.setattr(job_results, "RESULTS_AWAITED", timedelta(seconds=2))
    async with opened(OPENAI) as desk:
        desk.fate(lose_every=3)
        desk.simulator.desk.clock.run_at(20)
        native = replace(desk.deployment, model_name="m", lane=BatchLane.NATIVE)
        here = replace(settings(native), poll_initial=timedelta(seconds=0.1), poll_max=timedelta(seconds=0.2))
        site = Site(temporal, house, here)
        async with site.working():
            asked = await site.begin(*map(line, range(30)))
            outcome = await site.outcome(asked)
        looks = desk.calls("files.content")
    assert (outcome.status, outcome.counts) == (BatchStatus.COMPLETED, Counts(30, 20, 10))
    assert looks >= ENOUGH_LOOKS


async def kept_by_the_poll(temporal: WorkflowEnvironment, asked: BatchOrder, *, done: int) -> float:
    """Wait until the poll has left word of so many lines; return the speed that it has left with that."""
    shard = temporal.client.get_workflow_handle(f"{asked.batch_id}/shard-0000")
    async with asyncio.timeout(60):
        while True:
            with suppress(RPCError):
                for pending in (await shard.describe()).raw_description.pending_activities:
                    if pending.activity_type.name != "openai.poll" or not pending.HasField(
                        "heartbeat_details"
                    ):
                        continue
                    ((seen, _, speed),) = await temporal.client.data_converter.decode(
                        pending.heartbeat_details.payloads
                    )
                    if seen == done:
                        return float(speed)
            await asyncio.sleep(0.02)


async def test_workers_see_a_batch_through_from_its_input_to_its_files(site: Site) -> None:
    async with site.working():
        outcome = await site.outcome(await site.begin(*map(line, range(30))))
    assert (outcome.status, outcome.counts) == (BatchStatus.COMPLETED, Counts(30, 30, 0))
    assert outcome.output_file_id is not None
    assert outcome.error_file_id is None


async def test_workers_of_one_queue_each_see_it_through_together(site: Site) -> None:
    async with site.working(queues.BATCHES), site.working(queues.LINES):
        outcome = await site.outcome(await site.begin(line(0)))
    assert outcome.status is BatchStatus.COMPLETED


async def test_a_worker_that_is_told_to_stop_hands_its_lines_to_the_next(
    site: Site, endpoint: EndpointSimulator, house: House
) -> None:
    async with site.working(terms=Terms(grace=timedelta(0))):
        asked = await site.begin(*map(line, range(10)), line(10, **HANGS))
        await answered(house, asked, lines=10)
    assert endpoint.in_flight == 0
    async with site.working():
        outcome = await site.outcome(asked)
    assert outcome.counts == Counts(11, 11, 0)
    assert endpoint.arrivals.total() == 12


async def test_a_batch_whose_deployment_is_taken_out_of_the_configuration_carries_on_once_it_is_back(
    temporal: WorkflowEnvironment, house: House, site: Site
) -> None:
    without = Site(temporal, house, settings(deployment("dep_2", model_name="other")))
    async with site.working(queues.BATCHES):
        asked = await site.begin(line(0))
        await running(house, asked)
    async with without.working():
        assert (await house.catalog.batch(asked.batch_id)).deployments == ("dep_1",)
    async with site.working():
        outcome = await site.outcome(asked)
    assert (outcome.status, outcome.counts) == (BatchStatus.COMPLETED, Counts(1, 1, 0))


async def running(house: House, asked: BatchOrder) -> None:
    """Wait until a client would see that the batch runs."""
    async with asyncio.timeout(60):
        while True:
            with suppress(UnknownBatch):
                if (await house.catalog.batch(asked.batch_id)).status is BatchStatus.IN_PROGRESS:
                    return
            await asyncio.sleep(0.02)


async def answered(house: House, asked: BatchOrder, *, lines: int) -> None:
    """Wait until a client would see that so many lines are answered."""
    async with asyncio.timeout(60):
        while True:
            with suppress(UnknownBatch):
                if (await house.catalog.batch(asked.batch_id)).counts.completed == lines:
                    return
            await asyncio.sleep(0.02)


async def test_workers_keep_the_house_in_order(
    site: Site, house: House, temporal: WorkflowEnvironment
) -> None:
    lost = order(new_batch_id(), created_at=datetime.now(UTC))
    await house.upload(line(0))
    await house.catalog.add_batch(lost)
    async with site.working():
        await temporal.client.execute_workflow(
            HousekeepingWorkflow.run, id=secrets.token_hex(8), task_queue=queues.BATCHES
        )
        outcome = await site.outcome(lost)
    assert outcome.status is BatchStatus.COMPLETED


async def test_a_batch_that_somebody_terminates_delivers_what_was_answered(
    site: Site, house: House, temporal: WorkflowEnvironment
) -> None:
    async with site.working():
        asked = await site.begin(*map(line, range(10)), line(10, **HANGS))
        await answered(house, asked, lines=10)
        await temporal.client.get_workflow_handle(asked.batch_id).terminate()
        await temporal.client.execute_workflow(
            HousekeepingWorkflow.run, id=secrets.token_hex(8), task_queue=queues.BATCHES
        )
        outcome = await site.outcome(asked)
    assert (outcome.status, outcome.counts) == (BatchStatus.CANCELLED, Counts(11, 10, 1))


async def test_a_deployment_that_is_down_holds_up_no_other(
    temporal: WorkflowEnvironment, house: House, endpoint: EndpointSimulator
) -> None:
    down = deployment("dep_down", model_name="down", model="down")
    up = deployment("dep_up", api_base=endpoint.base_url)
    site = Site(temporal, house, settings(down, up))
    content = b"".join(line(number, model="down") for number in range(MAX_CHUNKS * MAX_CHUNK_LINES))
    async with site.working():
        stuck = [await site.begin(content, file_id=f"file-{number}") for number in range(2)]
        await waiting(house, stuck[0])
        quick = await site.begin(line(0), file_id="file-up")
        assert (await site.outcome(quick)).status is BatchStatus.COMPLETED
        for batch in stuck:
            await BatchRuns(temporal.client).cancel(batch.batch_id)
        assert {(await site.outcome(batch)).status for batch in stuck} == {BatchStatus.CANCELLED}


async def waiting(house: House, asked: BatchOrder) -> None:
    """Wait until the batch says that it waits for its endpoint."""
    async with asyncio.timeout(60):
        while True:
            # There is no gateway here to write the row: the workflow does.
            with suppress(UnknownBatch):
                if (await house.catalog.batch(asked.batch_id)).waiting_on:
                    return
            await asyncio.sleep(0.02)
