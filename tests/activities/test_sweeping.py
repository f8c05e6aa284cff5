"""Sweeping: what batches and kills have left behind goes, once nobody can need it any more."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities import sweeping
from activities.sweeping import SAFE_AGE, Sweeping
from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.ids import FILE_ID_SECTIONS, new_file_id
from overnight.domain.layout import file_key, part_key, plan_key
from overnight.domain.status import BatchStatus
from overnight.storage.memory import MemoryStorage
from tests.activities.house import House, order
from tests.activities.tales import Ends

NOW = datetime.now(UTC)
LONG_AGO = NOW - SAFE_AGE - timedelta(minutes=1)
LATELY = NOW - SAFE_AGE + timedelta(hours=1)


@dataclass
class Sweeper:
    """A sweeper of a house whose objects were all written at `written_at`."""

    house: House
    temporal: WorkflowEnvironment
    written_at: datetime = LONG_AGO

    async def sweep(self) -> int:
        step = Sweeping(catalog=self.house.catalog, storage=self.house.storage, client=self.temporal.client)
        return await ActivityEnvironment().run(step.sweep)

    async def sweep_every_section(self) -> int:
        step = Sweeping(catalog=self.house.catalog, storage=self.house.storage, client=self.temporal.client)
        return sum([await ActivityEnvironment().run(step.sweep) for _ in FILE_ID_SECTIONS])

    async def leftovers(self, status: BatchStatus, *, ended_at: datetime, objects: int = 2) -> str:
        """Leave behind what a batch ran on, and return its id."""
        batch_id = f"batch_{secrets.token_hex(8)}"
        await self.house.catalog.add_batch(order(batch_id))
        stamps = Stamps(**{f"{status}_at": ended_at}) if status.ended else Stamps()
        await self.house.catalog.record(batch_id, BatchChange(revision=1, status=status, stamps=stamps))
        await self.house.put(plan_key(batch_id, 0), b"{}")
        for part in range(1, objects):
            await self.house.put(part_key(batch_id, 0, 0, attempt="a", part=part), b"part")
        return batch_id


@pytest.fixture
def sweeper(catalog: Catalog, temporal: WorkflowEnvironment) -> Sweeper:
    made = Sweeper(House(catalog, MemoryStorage(clock=lambda: made.written_at)), temporal)
    return made


@pytest.mark.parametrize("status", [status for status in BatchStatus if status.ended])
async def test_what_a_batch_that_ended_long_ago_has_left_is_removed(
    sweeper: Sweeper, status: BatchStatus
) -> None:
    await sweeper.leftovers(status, ended_at=LONG_AGO)
    assert [await sweeper.sweep(), await sweeper.sweep()] == [2, 0]
    assert await sweeper.house.keys("work/") == []


async def test_a_batch_that_failed_lately_can_still_be_reset(sweeper: Sweeper) -> None:
    await sweeper.leftovers(BatchStatus.FAILED, ended_at=LATELY)
    assert await sweeper.sweep() == 0
    assert len(await sweeper.house.keys("work/")) == 2


async def test_a_batch_that_runs_keeps_what_it_runs_on(sweeper: Sweeper) -> None:
    await sweeper.leftovers(BatchStatus.IN_PROGRESS, ended_at=LONG_AGO)
    assert await sweeper.sweep() == 0
    assert len(await sweeper.house.keys("work/")) == 2


async def test_a_batch_that_somebody_has_just_reset_keeps_what_it_runs_on(sweeper: Sweeper) -> None:
    batch_id = await sweeper.leftovers(BatchStatus.FAILED, ended_at=LONG_AGO)
    handle = await sweeper.temporal.client.start_workflow(
        Ends.run, "well", id=batch_id, task_queue="nobody-polls-this"
    )
    assert await sweeper.sweep() == 0
    await handle.terminate()
    assert await sweeper.sweep() == 2


async def test_a_sweep_ends_after_so_many_objects_and_the_next_one_goes_on(
    sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "MAX_OBJECTS", 3)
    for _ in range(2):
        await sweeper.leftovers(BatchStatus.FAILED, ended_at=LONG_AGO, objects=4)
    assert [await sweeper.sweep() for _ in range(4)] == [3, 3, 2, 0]


async def test_the_bytes_of_an_upload_that_never_got_its_row_are_removed(sweeper: Sweeper) -> None:
    strays = [new_file_id() for _ in range(5)]
    for file_id in strays:
        await sweeper.house.put(file_key(file_id), b"{}\n")
    kept, deleted = new_file_id(), new_file_id()
    for file_id in (kept, deleted):
        await sweeper.house.upload(b"{}\n", file_id=file_id)
    await sweeper.house.catalog.delete_file(deleted, project="default", now=NOW)
    assert await sweeper.sweep_every_section() == 5
    assert await sweeper.house.keys("files/") == sorted(map(file_key, (kept, deleted)))


async def test_bytes_whose_row_may_still_come_are_left_alone(sweeper: Sweeper) -> None:
    sweeper.written_at = LATELY
    await sweeper.house.put(file_key(new_file_id()), b"{}\n")
    assert await sweeper.sweep_every_section() == 0


async def test_a_sweep_that_is_cut_off_is_made_up_for(sweeper: Sweeper) -> None:
    class CutOff(MemoryStorage):
        cut_off = True

        async def delete(self, key: str) -> None:
            await super().delete(key)
            if self.cut_off:
                raise asyncio.CancelledError

    sweeper.house.storage = storage = CutOff(clock=lambda: LONG_AGO)
    await sweeper.leftovers(BatchStatus.CANCELLED, ended_at=LONG_AGO, objects=3)
    with pytest.raises(asyncio.CancelledError):
        await sweeper.sweep()
    storage.cut_off = False
    assert await sweeper.sweep() == 2
