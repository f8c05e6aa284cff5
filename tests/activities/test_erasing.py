"""What nobody can ask for any more is gone from storage within a round, and what a batch needs is not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities import erasing
from activities.collect import Collect
from activities.erasing import ASSEMBLY_TIME, Erasing
from activities.payloads import CollectOrder, SealedRef
from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange
from overnight.domain.errors import StorageUnavailable, UnknownFile
from overnight.domain.file import BatchFileKind, File, FilePurpose
from overnight.domain.ids import output_file_id
from overnight.domain.layout import file_key, sealed_key, upload_part_key
from overnight.domain.status import BatchStatus
from overnight.domain.upload import UPLOAD_LIFETIME, Upload, UploadPart, UploadStatus
from overnight.storage.memory import MemoryStorage
from tests.activities.house import BATCH, INPUT, NOW, House, Together, order

ENDED = BatchChange(revision=2**60, status=BatchStatus.COMPLETED)


class Stubborn(MemoryStorage):
    """A store that won't remove what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[str] = set()
        self.refusals = 0

    async def delete(self, key: str) -> None:
        if key in self.kept:
            self.refusals += 1
            raise StorageUnavailable("access denied", key=key)
        await super().delete(key)


@dataclass
class Eraser:
    """A round of erasing at a time that the test decides."""

    house: House
    storage: Stubborn
    now: datetime = field(default=NOW)

    def _step(self) -> Erasing:
        return Erasing(catalog=self.house.catalog, storage=self.storage, clock=lambda: self.now)

    async def erase(self) -> int:
        return await ActivityEnvironment().run(self._step().erase_files)

    async def clear(self) -> int:
        return await ActivityEnvironment().run(self._step().clear_uploads)

    async def delete(self, *file_ids: str) -> None:
        for file_id in file_ids:
            await self.house.catalog.delete_file(file_id, project="default", now=self.now)

    async def has_row(self, file_id: str) -> bool:
        """Whether HTTP would still know the file."""
        try:
            await self.house.catalog.file(file_id, project="default", now=self.now)
        except UnknownFile:
            return False
        return True


@pytest.fixture
def eraser(catalog: Catalog) -> Eraser:
    storage = Stubborn()
    return Eraser(House(catalog, storage), storage)


async def files(eraser: Eraser, names: Iterable[str]) -> list[str]:
    """Upload files of these names, and return their ids."""
    ids = [f"file-{name}" for name in names]
    for file_id in ids:
        await eraser.house.upload(b"{}\n", file_id=file_id)
    return ids


async def test_the_bytes_of_a_deleted_file_are_erased_once(eraser: Eraser) -> None:
    await files(eraser, ["gone", "kept"])
    await eraser.delete("file-gone")
    assert [await eraser.erase(), await eraser.erase()] == [1, 0]
    assert await eraser.house.keys("files/") == [file_key("file-kept")]


async def test_the_bytes_of_several_files_are_erased_at_once(catalog: Catalog) -> None:
    house = House(catalog, Together())
    for number in range(8):
        await house.upload(b"{}\n", file_id=f"file-{number}")
        await catalog.delete_file(f"file-{number}", project="default", now=NOW)
    step = Erasing(catalog=catalog, storage=house.storage, clock=lambda: NOW)
    assert await ActivityEnvironment().run(step.erase_files) == 8
    assert await house.keys("files/") == []


async def test_the_bytes_of_a_file_are_erased_when_its_time_has_come(eraser: Eraser) -> None:
    expires_at = NOW + timedelta(hours=1)
    await eraser.house.upload(b"{}\n", expires_at=expires_at)
    eraser.now = expires_at - timedelta(microseconds=1)
    assert (await eraser.erase(), await eraser.has_row(INPUT)) == (0, True)
    eraser.now = expires_at
    assert (await eraser.erase(), await eraser.has_row(INPUT)) == (1, False)
    assert await eraser.house.keys("files/") == []


async def test_a_round_erases_all_that_is_due(eraser: Eraser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "_A_QUERY", 3)
    await eraser.delete(*await files(eraser, map(str, range(10))))
    assert await eraser.erase() == 10


async def test_a_round_ends_after_so_many_files_and_the_next_one_goes_on(
    eraser: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "_A_QUERY", 3)
    monkeypatch.setattr(erasing, "MAX_FILES", 6)
    await eraser.delete(*await files(eraser, map(str, range(10))))
    assert [await eraser.erase(), await eraser.erase()] == [6, 4]


async def test_files_that_the_store_holds_on_to_do_not_keep_the_others_from_their_turn(
    eraser: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "MAX_REFUSALS", 2)
    monkeypatch.setattr(erasing, "_A_QUERY", 2)
    await eraser.delete(*await files(eraser, "abcd"))
    eraser.storage.kept = {file_key("file-a"), file_key("file-b")}
    step = eraser._step()
    erased = [await ActivityEnvironment().run(step.erase_files) for _ in range(2)]
    assert erased == [0, 2]
    eraser.storage.kept.clear()
    assert await ActivityEnvironment().run(step.erase_files) == 2


async def test_what_the_store_wont_remove_holds_up_nothing_and_goes_another_time(eraser: Eraser) -> None:
    await eraser.delete(*await files(eraser, "abc"))
    eraser.storage.kept = {file_key("file-a")}
    assert [await eraser.erase(), await eraser.erase()] == [2, 0]
    assert await eraser.house.keys("files/") == [file_key("file-a")]
    eraser.storage.kept.clear()
    assert await eraser.erase() == 1


async def test_a_store_that_is_down_is_not_asked_for_every_file(eraser: Eraser) -> None:
    ids = await files(eraser, map(str, range(30)))
    await eraser.delete(*ids)
    eraser.storage.kept = set(map(file_key, ids))
    assert await eraser.erase() == 0
    assert eraser.storage.refusals == erasing.MAX_REFUSALS
    eraser.storage.kept.clear()
    assert await eraser.erase() == 30


@pytest.mark.parametrize("how", ["deleted", "expired"])
async def test_the_input_of_a_running_batch_stays_until_it_has_ended_though_http_no_longer_has_it(
    eraser: Eraser, how: str
) -> None:
    await eraser.house.catalog.add_batch(order())
    await eraser.house.upload(b"{}\n", expires_at=NOW + timedelta(hours=1))
    eraser.now = NOW + timedelta(hours=1 if how == "expired" else 0)
    if how == "deleted":
        await eraser.delete(INPUT)
    assert (await eraser.erase(), await eraser.has_row(INPUT)) == (0, False)
    await eraser.house.catalog.record(BATCH, ENDED)
    assert await eraser.erase() == 1


async def collected(eraser: Eraser, **fields: object) -> str:
    """Collect a batch's output, and return the file's id."""
    key = sealed_key(BATCH, 0, attempt="a", kind=BatchFileKind.OUTPUT)
    await eraser.house.put(key, b"{}\n")
    step = Collect(catalog=eraser.house.catalog, storage=eraser.storage)
    shard = SealedRef(attempt="a", output=True, error=False)
    given = CollectOrder(batch_id=BATCH, project="default", shards=(shard,), **fields)  # type: ignore[arg-type]
    done = await ActivityEnvironment().run(step.collect, given)
    assert done.output_file_id == output_file_id(BATCH, BatchFileKind.OUTPUT)
    return done.output_file_id


@pytest.mark.parametrize("how", ["deleted", "expired"])
async def test_the_output_of_a_batch_stays_until_it_has_ended_though_http_no_longer_has_it(
    eraser: Eraser, how: str
) -> None:
    await eraser.house.catalog.add_batch(order())
    file_id = await collected(eraser, output_expires_after=timedelta(hours=1))
    (file,) = await eraser.house.files()
    assert file.expires_at == file.created_at + timedelta(hours=1)
    eraser.now = file.expires_at if how == "expired" else file.created_at
    if how == "deleted":
        await eraser.delete(file_id)
    assert (await eraser.erase(), await eraser.has_row(file_id)) == (0, False)
    # Killed before it could say so, it is collected once more.
    await collected(eraser, output_expires_after=timedelta(hours=1))
    assert (await eraser.erase(), await eraser.has_row(file_id)) == (0, False)
    await eraser.house.catalog.record(BATCH, ENDED)
    assert await eraser.erase() == 1
    assert await eraser.house.keys("files/") == []


async def test_an_output_lives_as_long_as_was_asked_for(eraser: Eraser) -> None:
    await eraser.house.catalog.add_batch(order())
    await collected(eraser, output_expires_after=timedelta(hours=2))
    await eraser.house.catalog.record(BATCH, ENDED)
    (file,) = await eraser.house.files()
    assert file.expires_at is not None
    eraser.now = file.expires_at - timedelta(seconds=1)
    assert await eraser.erase() == 0
    eraser.now = file.expires_at
    assert await eraser.erase() == 1


class TestUploads:
    """Parts go when nobody can make a file of them any more, or when somebody has."""

    async def begun(self, eraser: Eraser, *, parts: int = 2) -> Upload:
        upload = Upload(
            id="upload_1",
            project="default",
            filename="in.jsonl",
            purpose=FilePurpose.BATCH,
            bytes=10,
            created_at=eraser.now,
            expires_at=eraser.now + UPLOAD_LIFETIME,
        )
        await eraser.house.catalog.add_upload(upload)
        for number in range(parts):
            await self.part(eraser, f"part_{number}")
        return upload

    async def part(self, eraser: Eraser, part_id: str) -> None:
        await eraser.house.put(upload_part_key("upload_1", part_id), b"hello")
        part = UploadPart(id=part_id, upload_id="upload_1", bytes=5, created_at=eraser.now)
        await eraser.house.catalog.add_part(part, project="default", now=eraser.now)

    async def left(self, eraser: Eraser) -> int:
        return len(await eraser.house.keys("uploads/"))

    async def status(self, eraser: Eraser) -> UploadStatus:
        return (await eraser.house.catalog.upload("upload_1", project="default")).status

    async def complete(self, eraser: Eraser) -> bool:
        file = File(
            id="file-1",
            project="default",
            filename="in.jsonl",
            purpose=FilePurpose.BATCH,
            bytes=10,
            key=file_key("file-1"),
            created_at=eraser.now,
        )
        await eraser.house.put(file.key, b"hellohello")
        return await eraser.house.catalog.complete_upload(
            "upload_1", part_ids=("part_0", "part_1"), file=file
        )

    async def test_an_upload_under_way_keeps_its_parts(self, eraser: Eraser) -> None:
        await self.begun(eraser)
        assert (await eraser.clear(), await self.left(eraser)) == (0, 2)

    async def test_the_parts_of_a_completed_upload_go_and_its_file_stays(self, eraser: Eraser) -> None:
        await self.begun(eraser)
        assert await self.complete(eraser)
        assert [await eraser.clear(), await eraser.clear()] == [1, 0]
        assert await self.left(eraser) == 0
        assert await eraser.house.keys("files/") == [file_key("file-1")]
        upload = await eraser.house.catalog.upload("upload_1", project="default")
        assert (upload.file_id, upload.part_ids) == ("file-1", ("part_0", "part_1"))

    async def test_the_parts_of_a_cancelled_upload_go_those_too_that_nobody_acknowledged(
        self, eraser: Eraser
    ) -> None:
        await self.begun(eraser)
        await eraser.house.put(upload_part_key("upload_1", "part_lost"), b"hello")
        await eraser.house.catalog.cancel_upload("upload_1", project="default", now=eraser.now)
        assert (await eraser.clear(), await self.left(eraser)) == (1, 0)
        assert await eraser.house.catalog.parts("upload_1") == {}

    async def test_an_abandoned_upload_expires_and_its_parts_go(self, eraser: Eraser) -> None:
        await self.begun(eraser)
        eraser.now += UPLOAD_LIFETIME + ASSEMBLY_TIME - timedelta(seconds=1)
        assert (await eraser.clear(), await self.left(eraser)) == (0, 2)
        eraser.now += timedelta(seconds=1)
        assert (await eraser.clear(), await self.left(eraser)) == (1, 0)
        assert await self.status(eraser) is UploadStatus.EXPIRED
        assert not await self.complete(eraser)

    async def test_parts_that_are_being_put_together_when_the_hour_is_over_become_a_file(
        self, eraser: Eraser
    ) -> None:
        await self.begun(eraser)
        eraser.now += UPLOAD_LIFETIME + ASSEMBLY_TIME / 2
        assert await eraser.clear() == 0
        assert await self.complete(eraser)
        assert await eraser.clear() == 1
        assert await self.status(eraser) is UploadStatus.COMPLETED

    async def test_an_upload_whose_parts_the_store_wont_remove_is_cleared_another_time(
        self, eraser: Eraser
    ) -> None:
        await self.begun(eraser)
        await eraser.house.catalog.cancel_upload("upload_1", project="default", now=eraser.now)
        eraser.storage.kept = {upload_part_key("upload_1", "part_0")}
        assert (await eraser.clear(), await self.left(eraser)) == (0, 1)
        eraser.storage.kept.clear()
        assert (await eraser.clear(), await self.left(eraser)) == (1, 0)
