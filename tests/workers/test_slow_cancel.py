"""A cancel that a provider takes its time to heed, from the batch to the provider and back."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from overnight.catalog import Catalog
from overnight.domain.batch import BatchOrder
from overnight.domain.deployment import BatchLane
from overnight.domain.errors import UnknownBatch
from overnight.domain.layout import file_key
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.storage.memory import MemoryStorage
from tests.activities.house import House, line, settings
from tests.overnight.providers.desks import VERTEX, opened
from tests.workers.site import Site
from workflows.runs import BatchRuns

LINES, DONE = 10, 4
LONG = 8 * 3_600
LOOKS = 5
"""How often the job is seen to run on after its cancel."""

STEPS = 6
"""A poll is one step until another status is seen: queued, running, stopped short, running on, cancelling."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for is in a server
            await asyncio.sleep(0.02)


async def done(house: House, asked: BatchOrder, *, lines: int) -> None:
    """Wait until a client would see that so many lines are answered."""
    async with asyncio.timeout(60):
        while True:
            with suppress(UnknownBatch):
                if (await house.catalog.batch(asked.batch_id)).counts.completed == lines:
                    return
            await asyncio.sleep(0.02)


async def steps_of(temporal: WorkflowEnvironment, asked: BatchOrder) -> Counter[str]:
    """Return which steps the batch's shard has begun, and how often."""
    history = await temporal.client.get_workflow_handle(f"{asked.batch_id}/shard-0000").fetch_history()
    return Counter(
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    )


async def test_a_job_that_runs_on_for_long_after_its_cancel_is_waited_for_and_not_asked_again_and_again(
    temporal: WorkflowEnvironment, catalog: Catalog
) -> None:
    house = House(catalog, MemoryStorage())
    async with opened(VERTEX) as desk:
        desk.fate(stuck_at=DONE / LINES, unheeded_seconds=LONG, cancelling_seconds=LONG)
        here = replace(desk.deployment, model_name="m", lane=BatchLane.NATIVE, list_lag=timedelta(0))
        look = timedelta(seconds=0.05)
        site = Site(temporal, house, replace(settings(here), poll_initial=look, poll_max=look))
        async with site.working():
            asked = await site.begin(*map(line, range(LINES)))
            await until(lambda: bool(desk.job_ids()))
            desk.pass_time(60)
            await done(house, asked, lines=DONE)

            await BatchRuns(temporal.client).cancel(asked.batch_id)
            await until(lambda: desk.calls("batches.cancel") > 0)
            looks = desk.calls("batches.retrieve")
            await until(lambda: desk.calls("batches.retrieve") >= looks + LOOKS)
            desk.pass_time(LONG)
            looks = desk.calls("batches.retrieve")
            await until(lambda: desk.calls("batches.retrieve") >= looks + LOOKS)
            desk.pass_time(LONG)
            outcome = await site.outcome(asked)

        steps = await steps_of(temporal, asked)
        assert desk.calls("batches.cancel") == 1
        assert steps["vertex_ai.cancel"] == 1
        assert steps["vertex_ai.poll"] <= STEPS
    assert (outcome.status, outcome.counts) == (BatchStatus.CANCELLED, Counts(LINES, DONE, LINES - DONE))
    delivered = await house.content(file_key(outcome.output_file_id or ""))
    answers = [json.loads(each) for each in delivered.splitlines()]
    assert [answer["custom_id"] for answer in answers] == [f"line-{number}" for number in range(DONE)]
    for number, answer in enumerate(answers):
        assert answer["response"]["body"]["choices"][0]["message"]["content"].endswith(f"say {number}")
