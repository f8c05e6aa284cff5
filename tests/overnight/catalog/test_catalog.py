"""The catalog keeps what it is told, in order, and is never turned back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from overnight.catalog import Catalog, upgrade
from overnight.domain.batch import BatchChange, BatchError, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import CatalogUnavailable, InvalidRequest, UnknownBatch, UnknownFile
from overnight.domain.file import File, FilePurpose
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage
from tests.overnight.catalog.conftest import Database

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def order(number: int = 1, *, age: timedelta = timedelta(0)) -> BatchOrder:
    return BatchOrder(
        batch_id=f"batch_{number}",
        project="default",
        input_file_id="file-in",
        endpoint=Endpoint.CHAT_COMPLETIONS,
        completion_window="24h",
        window=timedelta(hours=24),
        created_at=NOW - age,
        metadata={"team": "night"},
        output_expires_after=timedelta(days=1),
        parameters_hash="h",
        request_id="req_1",
    )


def file(number: int = 1, *, age: timedelta = timedelta(0), expires_at: datetime | None = None) -> File:
    return File(
        id=f"file-{number}",
        project="default",
        filename="in.jsonl",
        purpose=FilePurpose.BATCH,
        bytes=10,
        key=f"files/{number}",
        created_at=NOW - age,
        expires_at=expires_at,
    )


async def test_a_batch_comes_back_as_it_was_ordered(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    batch = await catalog.batch("batch_1", project="default")
    assert batch.order == order()
    assert batch.status is BatchStatus.VALIDATING


async def test_the_provider_that_a_batch_or_a_file_is_for_comes_back(catalog: Catalog) -> None:
    wanted = replace(order(), provider="azure")
    await catalog.add_batch(wanted)
    assert (await catalog.batch("batch_1")).order == wanted
    sent = replace(file(), provider="openai")
    await catalog.add_file(sent)
    assert await catalog.file("file-1", project="default", now=NOW) == sent


async def test_warnings_come_back_in_order(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    assert (await catalog.batch("batch_1")).warnings == ()
    odd = ("azure lost 3 lines", "a deployment refused its key")
    await catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.COMPLETED, warnings=odd))
    assert (await catalog.batch("batch_1")).warnings == odd


async def test_adding_a_batch_again_leaves_what_has_happened_since(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    await catalog.record("batch_1", BatchChange(revision=5, status=BatchStatus.IN_PROGRESS))
    await catalog.add_batch(order())
    assert (await catalog.batch("batch_1")).status is BatchStatus.IN_PROGRESS


async def test_a_late_write_never_turns_a_batch_back(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    done = BatchChange(
        revision=9,
        status=BatchStatus.COMPLETED,
        stamps=Stamps(in_progress_at=NOW, completed_at=NOW),
        counts=Counts(3, 2, 1),
        usage=Usage(5, 1, 7, 2),
        cost=Decimal("0.00012"),
        model="m",
        output_file_id="file-out",
    )
    await catalog.record("batch_1", done)
    await catalog.record("batch_1", BatchChange(revision=8, status=BatchStatus.IN_PROGRESS))
    batch = await catalog.batch("batch_1")
    assert (batch.status, batch.counts, batch.usage) == (BatchStatus.COMPLETED, done.counts, done.usage)
    assert (batch.cost, batch.stamps.completed_at) == (Decimal("0.00012"), NOW)


async def test_a_write_that_came_too_late_learns_which_revision_is_there(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    begun = BatchChange(revision=9, status=BatchStatus.IN_PROGRESS)
    assert [await catalog.record("batch_1", begun) for _ in range(2)] == [9, 9]
    assert await catalog.record("batch_1", replace(begun, revision=8)) == 9


async def test_what_was_delivered_is_not_taken_back_by_a_reset(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    await catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.COMPLETED))
    for status in (BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING, BatchStatus.FAILED):
        await catalog.record("batch_1", BatchChange(revision=9, status=status))
    assert (await catalog.batch("batch_1")).status is BatchStatus.COMPLETED


async def test_a_reset_can_mend_a_batch_that_had_failed(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    for revision, status in enumerate(
        (BatchStatus.FAILED, BatchStatus.IN_PROGRESS, BatchStatus.COMPLETED), 1
    ):
        await catalog.record("batch_1", BatchChange(revision=revision, status=status))
    assert (await catalog.batch("batch_1")).status is BatchStatus.COMPLETED


async def test_progress_is_summed_over_chunks_and_never_falls(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    await catalog.record(
        "batch_1", BatchChange(revision=1, status=BatchStatus.IN_PROGRESS, counts=Counts(20))
    )
    for chunk, counts in ((0, Counts(10, 4, 1)), (1, Counts(10, 2, 0)), (0, Counts(10, 3, 0))):
        await catalog.report_progress("batch_1", shard=0, chunk=chunk, attempt="a", counts=counts, tokens=5)
    batch = await catalog.batch("batch_1")
    assert (batch.counts, batch.tokens_so_far) == (Counts(20, 6, 1), 10)


async def test_a_batch_says_what_its_steps_wait_for_until_they_get_through(catalog: Catalog) -> None:
    for number in (1, 2):
        await catalog.add_batch(order(number))
    for reason in ("the disk is slow", "no room"):
        await catalog.note_wait("batch_1", step="seal shard 0", reason=reason)
    assert (await catalog.batch("batch_1")).waiting_on == "no room"
    assert (await catalog.batch("batch_2")).waiting_on is None
    await catalog.note_wait("batch_1", step="seal shard 1", reason=None)
    assert (await catalog.batch("batch_1")).waiting_on == "no room"
    await catalog.note_wait("batch_1", step="seal shard 0", reason=None)
    assert (await catalog.batch("batch_1")).waiting_on is None


async def test_a_straggler_does_not_change_a_batch_that_has_ended(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    ended = BatchChange(revision=1, status=BatchStatus.CANCELLED, counts=Counts(4, 1, 3))
    await catalog.record("batch_1", ended)
    await catalog.report_progress("batch_1", shard=0, chunk=0, attempt="z", counts=Counts(4, 4, 0))
    assert (await catalog.batch("batch_1")).counts == Counts(4, 1, 3)


async def test_a_requested_cancel_shows_at_once_and_its_first_time_stays(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    await catalog.request_cancel("batch_1", at=NOW)
    await catalog.request_cancel("batch_1", at=NOW + timedelta(minutes=1))
    batch = await catalog.batch("batch_1")
    assert batch.shown_status is BatchStatus.CANCELLING
    assert batch.cancel_requested_at == NOW


async def test_a_cancel_of_a_batch_that_has_ended_is_not_noted(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    await catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.COMPLETED))
    await catalog.request_cancel("batch_1", at=NOW)
    assert (await catalog.batch("batch_1")).cancel_requested_at is None


async def test_errors_keep_their_order_and_number(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    errors = tuple(BatchError(code="invalid_url", message="m", param="url", line=n) for n in (1, 3))
    change = BatchChange(revision=1, status=BatchStatus.FAILED, errors=errors, errors_total=7)
    await catalog.record("batch_1", change)
    batch = await catalog.batch("batch_1")
    assert (batch.errors, batch.errors_total) == (errors, 7)


async def test_batches_are_listed_newest_first_in_pages(catalog: Catalog) -> None:
    for number in range(5):
        await catalog.add_batch(order(number, age=timedelta(microseconds=number)))
    first = await catalog.list_batches(project="default", limit=2)
    assert [batch.order.batch_id for batch in first.items] == ["batch_0", "batch_1"]
    assert first.has_more
    rest = await catalog.list_batches(project="default", after="batch_1", limit=3)
    assert [batch.order.batch_id for batch in rest.items] == ["batch_2", "batch_3", "batch_4"]
    assert not rest.has_more


async def test_a_page_after_something_unknown_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest):
        await catalog.list_batches(project="default", after="batch_nowhere")


async def test_another_projects_batch_is_unknown(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    with pytest.raises(UnknownBatch):
        await catalog.batch("batch_1", project="other")


async def test_files_are_listed_in_either_order(catalog: Catalog) -> None:
    for number in range(3):
        await catalog.add_file(file(number, age=timedelta(seconds=number)))
    newest = await catalog.list_files(project="default", now=NOW, after="file-0", limit=5)
    oldest = await catalog.list_files(project="default", now=NOW, newest_first=False, limit=1)
    assert [item.id for item in newest.items] == ["file-1", "file-2"]
    assert [item.id for item in oldest.items] == ["file-2"]
    assert oldest.has_more


async def test_a_deleted_or_expired_file_is_gone(catalog: Catalog) -> None:
    await catalog.add_file(file(1))
    await catalog.add_file(file(2, expires_at=NOW))
    await catalog.delete_file("file-1", project="default", now=NOW)
    for file_id in ("file-1", "file-2"):
        with pytest.raises(UnknownFile):
            await catalog.file(file_id, project="default", now=NOW)
    assert (await catalog.list_files(project="default", now=NOW)).items == []


async def test_a_file_deleted_later_was_there_before(catalog: Catalog) -> None:
    await catalog.add_file(file(1))
    await catalog.delete_file("file-1", project="default", now=NOW)
    earlier = await catalog.file("file-1", project="default", now=NOW - timedelta(seconds=1))
    assert earlier.id == "file-1"


async def test_bytes_that_a_running_batch_reads_are_not_erased(catalog: Catalog) -> None:
    await catalog.add_file(replace(file(), id="file-in"))
    await catalog.add_batch(order())
    await catalog.delete_file("file-in", project="default", now=NOW)
    assert await catalog.erasable_files(now=NOW) == []
    await catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.COMPLETED))
    assert [item.id for item in await catalog.erasable_files(now=NOW)] == ["file-in"]
    await catalog.mark_erased(["file-in"], now=NOW)
    assert await catalog.erasable_files(now=NOW) == []


async def test_a_file_that_is_made_again_has_the_bytes_it_has_now(catalog: Catalog) -> None:
    await catalog.add_file(file())
    await catalog.add_file(replace(file(), bytes=12, created_at=NOW + timedelta(days=1)))
    again = await catalog.file("file-1", project="default", now=NOW)
    assert (again.bytes, again.created_at) == (12, NOW)


async def test_a_file_that_is_made_again_after_it_was_erased_is_erased_again(catalog: Catalog) -> None:
    await catalog.add_file(file())
    await catalog.delete_file("file-1", project="default", now=NOW)
    await catalog.mark_erased(["file-1"], now=NOW)
    await catalog.add_file(file())
    assert [item.id for item in await catalog.erasable_files(now=NOW)] == ["file-1"]


async def test_a_deleted_file_still_has_a_row(catalog: Catalog) -> None:
    await catalog.add_file(file())
    await catalog.delete_file("file-1", project="default", now=NOW)
    assert await catalog.unknown_files(["file-1", "file-2"]) == {"file-2"}


class TestSweeping:
    """What is left of batches that have ended is removed once, some time after their end."""

    END = BatchChange(revision=1, status=BatchStatus.FAILED, stamps=Stamps(failed_at=NOW))

    async def unswept(self, catalog: Catalog, *, ended_by: datetime = NOW, limit: int = 10) -> list[str]:
        return [each.batch_id for each in await catalog.unswept_batches(ended_by=ended_by, limit=limit)]

    async def test_a_batch_is_due_when_it_has_ended_long_ago(self, catalog: Catalog) -> None:
        await catalog.add_batch(order())
        assert await self.unswept(catalog) == []
        await catalog.record("batch_1", self.END)
        assert await self.unswept(catalog, ended_by=NOW - timedelta(seconds=1)) == []
        assert await self.unswept(catalog) == ["batch_1"]

    async def test_a_batch_is_swept_once(self, catalog: Catalog) -> None:
        for number in (1, 2):
            await catalog.add_batch(order(number))
            await catalog.record(f"batch_{number}", self.END)
        (first,) = await self.unswept(catalog, limit=1)
        await catalog.mark_swept(first, now=NOW)
        assert await self.unswept(catalog) == list({"batch_1", "batch_2"} - {first})

    async def test_what_stragglers_reported_goes_with_the_rest(
        self, catalog: Catalog, database: Database
    ) -> None:
        await catalog.add_batch(order())
        await catalog.record("batch_1", self.END)
        await catalog.report_progress("batch_1", shard=0, chunk=0, attempt="z", counts=Counts(4, 4, 0))
        await catalog.note_wait("batch_1", step="seal shard 0", reason="no room")
        await catalog.mark_swept("batch_1", now=NOW)
        for table in ("progress", "waits"):
            assert await database.query(f"SELECT * FROM {table}") == []  # noqa: S608 - our own

    async def test_a_batch_that_failed_and_is_told_again_is_due_again_at_its_next_end(
        self, catalog: Catalog
    ) -> None:
        await catalog.add_batch(order())
        await catalog.record("batch_1", self.END)
        await catalog.mark_swept("batch_1", now=NOW)
        await catalog.record("batch_1", BatchChange(revision=2, status=BatchStatus.IN_PROGRESS))
        await catalog.mark_swept("batch_1", now=NOW)
        await catalog.record("batch_1", replace(self.END, revision=3))
        assert await self.unswept(catalog) == ["batch_1"]


async def test_many_writers_at_once_all_get_through(catalog: Catalog) -> None:
    await catalog.add_batch(order())
    await asyncio.gather(
        *(
            catalog.report_progress("batch_1", shard=0, chunk=n, attempt="a", counts=Counts(1, 1, 0))
            for n in range(50)
        )
    )
    assert (await catalog.batch("batch_1")).counts.completed == 50


async def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "prose.db").write_text("Once upon a time there was a file that was no database." * 100)
    with pytest.raises(CatalogUnavailable, match="not a database"):
        await asyncio.to_thread(upgrade, f"sqlite+aiosqlite:///{tmp_path}/prose.db")
