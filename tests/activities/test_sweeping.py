"""Sweeping: what batches and kills have left behind goes, once nobody can need it any more."""

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment

from activities import sweeping
from activities.sweeping import FORGOTTEN, GRACE, ROW_DUE, SAFE_AGE, Sweeping
from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.errors import StorageUnavailable
from overnight.domain.file import FilePurpose
from overnight.domain.ids import ID_SECTIONS, new_batch_id, new_file_id, new_part_id, new_upload_id
from overnight.domain.layout import OWNER_KEY, file_key, part_key, plan_key, upload_part_key
from overnight.domain.status import BatchStatus
from overnight.domain.upload import Upload, UploadPart
from overnight.storage.abreast import AT_ONCE
from overnight.storage.memory import MemoryStorage
from tests.activities.house import House, Together, order
from tests.activities.tales import Ends

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO = NOW - SAFE_AGE - timedelta(minutes=1)
LATELY = NOW - SAFE_AGE + timedelta(hours=1)


@dataclass
class Sweeper:
    """A sweeper whose clock the test sets, of a house whose objects were all written at `written_at`."""

    house: House
    temporal: WorkflowEnvironment
    written_at: datetime = LONG_AGO
    now: datetime = NOW
    owner: str | None = None
    reports: list[tuple[str, int, int]] = field(default_factory=list)

    def _step(self) -> Sweeping:
        house = self.house
        return Sweeping(
            catalog=house.catalog,
            storage=house.storage,
            client=self.temporal.client,
            clock=lambda: self.now,
        )

    async def own(self) -> None:
        """Have the store belong to `owner`, by default to the house's own catalog."""
        await self.house.put(OWNER_KEY, (self.owner or await self.house.catalog.installation_id()).encode())

    async def objects(self) -> list[str]:
        """Return what there is, but for the mark of whose it is."""
        return sorted({*await self.house.keys("")} - {OWNER_KEY})

    async def sweep(self) -> int:
        return await ActivityEnvironment().run(self._step().sweep)

    async def sweep_every_section(self) -> int:
        """Sweep everything; `reports` are what this has reported, by kind."""
        step = self._step()
        await self.own()
        with capture_logs() as log:
            removed = sum([await ActivityEnvironment().run(step.sweep) for _ in ID_SECTIONS])
        reported = [line for line in log if line["event"] == "objects that no row knows"]
        kinds = sorted({line["kind"] for line in reported})
        self.reports = [
            (
                kind,
                sum(line["objects"] for line in reported if line["kind"] == kind),
                sum(line["bytes"] for line in reported if line["kind"] == kind),
            )
            for kind in kinds
        ]
        return removed

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


async def test_what_batches_have_left_is_removed_several_objects_at_once(sweeper: Sweeper) -> None:
    sweeper.house.storage = Together(clock=lambda: LONG_AGO)
    await sweeper.leftovers(BatchStatus.FAILED, ended_at=LONG_AGO, objects=8)
    assert await sweeper.sweep() == 8


async def test_what_no_row_knows_is_removed_several_objects_at_once(sweeper: Sweeper) -> None:
    sweeper.house.storage = Together(several=2, clock=lambda: LONG_AGO)
    upload_id = new_upload_id()
    for _ in range(2):
        await sweeper.house.put(upload_part_key(upload_id, new_part_id()), b"hello")
    await sweeper.sweep_every_section()
    sweeper.now += GRACE
    assert await sweeper.sweep_every_section() == 2


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


async def known(sweeper: Sweeper) -> list[str]:
    """Put one object of each kind there that has its row, and return their keys."""
    file_id, batch_id, upload_id, part_id = new_file_id(), new_batch_id(), new_upload_id(), new_part_id()
    await sweeper.house.upload(b"{}\n", file_id=file_id)
    await sweeper.house.catalog.add_batch(order(batch_id))
    await sweeper.house.put(plan_key(batch_id, 0), b"{}")
    upload = Upload(
        id=upload_id,
        project="default",
        filename="in.jsonl",
        purpose=FilePurpose.BATCH,
        bytes=10,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    await sweeper.house.catalog.add_upload(upload)
    part = UploadPart(id=part_id, upload_id=upload_id, bytes=5, created_at=NOW)
    await sweeper.house.catalog.add_part(part, project="default", now=NOW)
    await sweeper.house.put(upload_part_key(upload_id, part_id), b"hello")
    return [file_key(file_id), plan_key(batch_id, 0), upload_part_key(upload_id, part_id)]


async def test_what_no_row_knows_is_reported_and_goes_after_a_grace_period_and_the_rest_stays(
    sweeper: Sweeper,
) -> None:
    kept = await known(sweeper)
    deleted = new_file_id()
    await sweeper.house.upload(b"{}\n", file_id=deleted)
    await sweeper.house.catalog.delete_file(deleted, project="default", now=NOW)
    for _ in range(5):
        await sweeper.house.put(file_key(new_file_id()), b"{}\n")
    await sweeper.house.put(plan_key(new_batch_id(), 0), b"{}")
    for _ in range(2):
        await sweeper.house.put(upload_part_key(new_upload_id(), new_part_id()), b"hello")

    assert await sweeper.sweep_every_section() == 0
    assert sweeper.reports == [
        ("files", 5, 15),
        ("parts of uploads", 2, 10),
        ("what batches run on", 1, 2),
    ]
    sweeper.now += GRACE - timedelta(seconds=1)
    assert (await sweeper.sweep_every_section(), sweeper.reports) == (0, [])
    sweeper.now += timedelta(seconds=1)
    assert await sweeper.sweep_every_section() == 8
    assert await sweeper.objects() == sorted([*kept, file_key(deleted)])


async def test_a_part_that_came_when_its_upload_was_cleared_already_is_swept_up(sweeper: Sweeper) -> None:
    *_, key = await known(sweeper)
    _, upload_id, _ = key.split("/")
    await sweeper.house.catalog.cancel_upload(upload_id, project="default", now=NOW)
    await sweeper.house.catalog.mark_cleared(upload_id, now=NOW)
    assert await sweeper.sweep_every_section() == 0
    sweeper.now += GRACE
    assert await sweeper.sweep_every_section() == 1
    assert await sweeper.house.keys("uploads/") == []


async def test_an_object_whose_row_may_still_come_is_not_even_reported(sweeper: Sweeper) -> None:
    sweeper.written_at = NOW - ROW_DUE + timedelta(seconds=1)
    await sweeper.house.put(file_key(new_file_id()), b"{}\n")
    assert (await sweeper.sweep_every_section(), sweeper.reports) == (0, [])


async def test_an_object_whose_row_came_after_it_was_reported_stays(sweeper: Sweeper) -> None:
    file_id = new_file_id()
    await sweeper.house.put(file_key(file_id), b"{}\n")
    await sweeper.sweep_every_section()
    await sweeper.house.add_row(file_id)
    sweeper.now += GRACE
    assert await sweeper.sweep_every_section() == 0
    assert await sweeper.house.keys("files/") == [file_key(file_id)]


async def test_what_is_still_there_after_a_week_is_reported_once_more(sweeper: Sweeper) -> None:
    class Kept(MemoryStorage):
        async def delete(self, key: str) -> None:
            raise StorageUnavailable("access denied", key=key)

    sweeper.house.storage = Kept(clock=lambda: LONG_AGO)
    await sweeper.house.put(file_key(new_file_id()), b"{}\n")
    await sweeper.sweep_every_section()
    sweeper.now += FORGOTTEN
    # Not removed, and forgotten by the sweeps that follow the one which tried.
    await sweeper.sweep_every_section()
    await sweeper.sweep_every_section()
    assert sweeper.reports == [("files", 1, 3)]


async def test_what_does_not_look_like_ours_is_nobodys_business(sweeper: Sweeper) -> None:
    foreign = ["files/readme", "notes/todo", "uploads/x/part_1", "work/mine/0"]
    for key in foreign:
        await sweeper.house.put(key, b"hello")
    await sweeper.sweep_every_section()
    sweeper.now += GRACE
    assert (await sweeper.sweep_every_section(), sweeper.reports) == (0, [])
    assert await sweeper.objects() == foreign


async def test_in_the_store_of_another_catalog_strays_are_reported_and_stay(sweeper: Sweeper) -> None:
    key = file_key(new_file_id())
    await sweeper.house.put(key, b"{}\n")
    sweeper.owner = "installation_of_somebody_else"
    assert (await sweeper.sweep_every_section(), sweeper.reports) == (0, [("files", 1, 3)])
    sweeper.now += GRACE
    assert await sweeper.sweep_every_section() == 0
    assert await sweeper.objects() == [key]


async def test_a_store_that_is_nobody_s_becomes_ours_if_we_know_what_it_holds(sweeper: Sweeper) -> None:
    await known(sweeper)
    await sweeper.house.put(file_key(new_file_id()), b"{}\n")
    await sweeper.sweep()
    ours = await sweeper.house.catalog.installation_id()
    assert await sweeper.house.content(OWNER_KEY) == ours.encode()


async def test_a_store_that_is_nobody_s_and_full_of_strangers_stays_so(sweeper: Sweeper) -> None:
    await known(sweeper)
    for _ in range(4):
        await sweeper.house.put(file_key(new_file_id()), b"{}\n")
    await sweeper.sweep()
    assert OWNER_KEY not in await sweeper.house.keys("")


@pytest.mark.parametrize("number", range(3))
async def test_a_batch_whose_leftovers_are_locked_holds_up_no_other(sweeper: Sweeper, number: int) -> None:
    class Locked(MemoryStorage):
        locked = "nothing"

        async def delete(self, key: str) -> None:
            if self.locked in key:
                raise StorageUnavailable("held", key=key)
            await super().delete(key)

    sweeper.house.storage = storage = Locked(clock=lambda: LONG_AGO)
    batches = [await sweeper.leftovers(BatchStatus.FAILED, ended_at=LONG_AGO) for _ in range(3)]
    storage.locked = batches[number]
    assert await sweeper.sweep() == 4
    assert all(batches[number] in key for key in await sweeper.house.keys("work/"))


async def test_a_store_that_is_down_breaks_a_sweep_off_and_fails_nothing(sweeper: Sweeper) -> None:
    class Down(MemoryStorage):
        async def delete(self, key: str) -> None:
            raise StorageUnavailable("no answer", key=key)

    sweeper.house.storage = Down(clock=lambda: LONG_AGO)
    await sweeper.leftovers(BatchStatus.CANCELLED, ended_at=LONG_AGO)
    assert await sweeper.sweep() == 0


async def test_a_sweep_that_is_cut_off_is_made_up_for(sweeper: Sweeper) -> None:
    class CutOff(MemoryStorage):
        cut_off = True

        async def delete(self, key: str) -> None:
            await super().delete(key)
            if self.cut_off:
                raise asyncio.CancelledError

    sweeper.house.storage = storage = CutOff(clock=lambda: LONG_AGO)
    objects = 2 * AT_ONCE
    await sweeper.leftovers(BatchStatus.CANCELLED, ended_at=LONG_AGO, objects=objects)
    with pytest.raises(asyncio.CancelledError):
        await sweeper.sweep()
    left = len(await sweeper.house.keys("work/"))
    assert 0 < left < objects
    storage.cut_off = False
    assert await sweeper.sweep() == left
    assert await sweeper.house.keys("work/") == []
