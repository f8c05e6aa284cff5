"""Jobs are kept as they were last seen, under the id that their provider gave them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from overnight.catalog import Catalog
from overnight.domain.job import BatchJob, BegunJob
from overnight.domain.status import BatchStatus
from tests.overnight.catalog.conftest import Database

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def job(name: str = "batch_a", **fields: object) -> BatchJob:
    noted = BatchJob(
        id=name,
        provider="openai",
        deployment="dep_1",
        batch_id="batch_1",
        shard=0,
        number=1,
        workflow_id="batch_1/shard-0000",
        status=BatchStatus.VALIDATING,
    )
    return replace(noted, **fields)  # type: ignore[arg-type]


async def test_a_job_comes_back_as_it_was_noted(catalog: Catalog) -> None:
    await catalog.note_job(job(), now=NOW)
    assert await catalog.job("openai", "batch_a") == job()


async def test_a_job_that_nobody_noted_is_none(catalog: Catalog) -> None:
    await catalog.note_job(job(), now=NOW)
    assert await catalog.job("openai", "batch_b") is None
    assert await catalog.job("azure", "batch_a") is None


async def test_two_providers_may_give_the_same_id(catalog: Catalog) -> None:
    theirs = job(provider="azure", batch_id="batch_2")
    for each in (job(), theirs):
        await catalog.note_job(each, now=NOW)
    assert await catalog.job("azure", "batch_a") == theirs
    assert await catalog.jobs("batch_1", limit=9) == [job()]


async def test_a_job_is_kept_as_it_was_last_seen(catalog: Catalog, database: Database) -> None:
    later = NOW + timedelta(minutes=1)
    await catalog.note_job(job(), now=NOW)
    await catalog.note_job(job(status=BatchStatus.IN_PROGRESS), now=later)
    assert await catalog.jobs("batch_1", limit=9) == [job(status=BatchStatus.IN_PROGRESS)]
    (times,) = await database.query("SELECT updated_at - created_at FROM jobs")
    assert times == (60_000_000,)


async def test_a_late_look_does_not_bring_a_job_back_that_has_ended(catalog: Catalog) -> None:
    for status in (BatchStatus.COMPLETED, BatchStatus.IN_PROGRESS):
        await catalog.note_job(job(status=status), now=NOW)
    assert await catalog.job("openai", "batch_a") == job(status=BatchStatus.COMPLETED)


async def test_the_jobs_of_a_batch_come_shard_by_shard_and_up_to_a_limit(catalog: Catalog) -> None:
    wanted = [job("d"), job("c", number=2), job("b", shard=1), job("a", shard=10)]
    for each in (*reversed(wanted), job("other", batch_id="batch_2")):
        await catalog.note_job(each, now=NOW)
    assert await catalog.jobs("batch_1", limit=9) == wanted
    assert await catalog.jobs("batch_1", limit=3) == wanted[:3]
    assert await catalog.jobs("batch_3", limit=9) == []


def begun(number: int = 1, *, at: str = "dep_1", story: str = "first") -> BegunJob:
    return BegunJob(batch_id="batch_1", shard=0, number=number, deployment=at, story=story)


async def test_what_a_shard_has_begun_is_the_last_it_has_begun(catalog: Catalog) -> None:
    assert await catalog.begun_job("batch_1", 0) is None
    assert await catalog.begin_job(begun()) is None
    assert await catalog.begin_job(begun(2, at="dep_2")) == begun()
    assert await catalog.begun_job("batch_1", 0) == begun(2, at="dep_2")
    assert await catalog.begun_job("batch_1", 1) is None


@pytest.mark.parametrize("other", [begun(1, at="dep_2", story="second"), begun(2, story="second")])
async def test_what_another_telling_has_begun_stays_until_it_is_known(
    catalog: Catalog, other: BegunJob
) -> None:
    await catalog.begin_job(begun())
    assert await catalog.begin_job(other) == begun()
    assert await catalog.begin_job(other, known=begun(7)) == begun()
    assert await catalog.begun_job("batch_1", 0) == begun()
    assert await catalog.begin_job(other, known=begun(story="second")) == begun()
    assert await catalog.begun_job("batch_1", 0) == other


async def test_the_same_job_may_be_begun_by_another_telling(catalog: Catalog) -> None:
    await catalog.begin_job(begun())
    assert await catalog.begin_job(begun(story="second")) == begun()
    assert await catalog.begun_job("batch_1", 0) == begun(story="second")
