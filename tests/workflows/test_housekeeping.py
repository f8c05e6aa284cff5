"""The schedule of housekeeping: there once, as this version wants it, and paused if an operator wants so."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client, Schedule, ScheduleIntervalSpec, ScheduleSpec, ScheduleUpdate
from temporalio.testing import WorkflowEnvironment

from workflows import housekeeping
from workflows.housekeeping import INTERVAL, ensure_schedule


@pytest.fixture
def client(
    temporal: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Client:
    monkeypatch.setattr(housekeeping, "SCHEDULE", f"housekeeping-{request.node.name}")
    return temporal.client


async def schedule(client: Client) -> Schedule:
    description = await client.get_schedule_handle(housekeeping.SCHEDULE).describe()
    return description.schedule


async def revise(client: Client, **changes: object) -> None:
    handle = client.get_schedule_handle(housekeeping.SCHEDULE)
    await handle.update(lambda given: ScheduleUpdate(replace(given.description.schedule, **changes)))  # type: ignore[arg-type]


async def test_a_schedule_that_an_older_version_made_is_brought_up_to_date(client: Client) -> None:
    await ensure_schedule(client)
    await revise(client, spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=9))]))
    await ensure_schedule(client)
    assert (await schedule(client)).spec.intervals == [ScheduleIntervalSpec(every=INTERVAL)]


async def test_a_schedule_that_an_operator_has_paused_stays_paused(client: Client) -> None:
    await ensure_schedule(client)
    await client.get_schedule_handle(housekeeping.SCHEDULE).pause(note="for the night")
    await revise(client, spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=9))]))
    await ensure_schedule(client)
    found = await schedule(client)
    assert (found.state.paused, found.spec.intervals[0].every) == (True, INTERVAL)


async def test_a_schedule_that_is_as_it_should_be_is_not_touched(client: Client) -> None:
    for _ in range(2):
        await ensure_schedule(client)
    description = await client.get_schedule_handle(housekeeping.SCHEDULE).describe()
    assert description.info.last_updated_at is None
