"""An upload's row says what may still be done with it, whoever asks at the same time."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from overnight.catalog import Catalog, upload_rows
from overnight.domain.errors import InvalidRequest, UnknownUpload, UploadNotPending
from overnight.domain.file import File, FilePurpose
from overnight.domain.upload import MAX_PART_BYTES, UPLOAD_LIFETIME, Upload, UploadPart, UploadStatus

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
UPLOAD = Upload(
    id="upload_1",
    project="default",
    filename="in.jsonl",
    purpose=FilePurpose.BATCH,
    bytes=10,
    created_at=NOW,
    expires_at=NOW + UPLOAD_LIFETIME,
    lifetime=timedelta(days=1),
    provider="azure",
)


def part(number: int = 1, *, upload_id: str = "upload_1") -> UploadPart:
    return UploadPart(id=f"part_{number}", upload_id=upload_id, bytes=5, created_at=NOW)


def file(number: int = 1) -> File:
    return File(
        id=f"file-{number}",
        project="default",
        filename="in.jsonl",
        purpose=FilePurpose.BATCH,
        bytes=10,
        key=f"files/file-{number}",
        created_at=NOW,
    )


async def add(catalog: Catalog, *parts: UploadPart, now: datetime = NOW) -> None:
    for each in parts:
        await catalog.add_part(each, project="default", now=now)


async def test_an_upload_and_its_parts_come_back_as_they_were_added(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    await add(catalog, part(1), part(2))
    assert await catalog.upload("upload_1", project="default") == UPLOAD
    assert await catalog.parts("upload_1") == {"part_1": part(1), "part_2": part(2)}
    assert await catalog.parts("upload_2") == {}


async def test_an_upload_of_another_project_is_unknown(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    for step in (
        catalog.upload("upload_1", project="other"),
        catalog.cancel_upload("upload_1", project="other", now=NOW),
        catalog.add_part(part(), project="other", now=NOW),
    ):
        with pytest.raises(UnknownUpload):
            await step


async def test_many_parts_at_once_are_all_kept(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    await asyncio.gather(*(add(catalog, part(number)) for number in range(30)))
    assert len(await catalog.parts("upload_1")) == 30


async def test_an_upload_has_so_many_parts_and_no_more(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_rows, "MAX_PARTS", 2)
    await catalog.add_upload(UPLOAD)
    await add(catalog, part(1), part(2))
    with pytest.raises(InvalidRequest, match="at most 2 parts"):
        await add(catalog, part(3))
    assert len(await catalog.parts("upload_1")) == 2


async def test_parts_may_be_sent_anew_but_hold_no_more_than_that(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    large = replace(part(1), bytes=MAX_PART_BYTES)
    await add(catalog, large, *(part(number) for number in range(2, 6)))
    with pytest.raises(InvalidRequest, match="far more bytes"):
        await add(catalog, part(6))
    assert len(await catalog.parts("upload_1")) == 5


async def test_each_part_gives_its_upload_another_hour(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    later = NOW + timedelta(minutes=40)
    await add(catalog, part(1), now=later)
    found = await catalog.upload("upload_1", project="default")
    assert found == replace(UPLOAD, expires_at=later + UPLOAD_LIFETIME)


async def test_of_many_completions_at_once_one_counts(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    made = await asyncio.gather(
        *(
            catalog.complete_upload("upload_1", part_ids=(f"part_{number}",), file=file(number))
            for number in range(10)
        )
    )
    assert sorted(made) == [False] * 9 + [True]
    found = await catalog.upload("upload_1", project="default")
    winner = made.index(True)
    assert (found.status, found.file_id, found.part_ids) == (
        UploadStatus.COMPLETED,
        f"file-{winner}",
        (f"part_{winner}",),
    )
    listed = await catalog.list_files(project="default", now=NOW)
    assert [each.id for each in listed.items] == [found.file_id]


async def test_what_was_cancelled_is_neither_completed_nor_added_to(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    await catalog.cancel_upload("upload_1", project="default", now=NOW)
    assert not await catalog.complete_upload("upload_1", part_ids=("part_1",), file=file())
    with pytest.raises(UploadNotPending):
        await add(catalog, part())
    assert (await catalog.list_files(project="default", now=NOW)).items == []


async def test_an_upload_that_another_part_has_saved_does_not_expire(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    assert [each.id for each in await catalog.uncleared_uploads(expired_by=UPLOAD.expires_at)] == ["upload_1"]
    await add(catalog, part(), now=UPLOAD.expires_at - timedelta(seconds=1))
    assert not await catalog.expire_upload("upload_1", expired_by=UPLOAD.expires_at)
    assert await catalog.uncleared_uploads(expired_by=UPLOAD.expires_at) == []


async def test_an_upload_that_is_pending_is_never_marked_as_cleared(catalog: Catalog) -> None:
    await catalog.add_upload(UPLOAD)
    await add(catalog, part())
    await catalog.mark_cleared("upload_1", now=NOW)
    assert len(await catalog.parts("upload_1")) == 1
    assert await catalog.expire_upload("upload_1", expired_by=UPLOAD.expires_at)
    await catalog.mark_cleared("upload_1", now=NOW)
    assert await catalog.parts("upload_1") == {}
    assert await catalog.uncleared_uploads(expired_by=UPLOAD.expires_at) == []
