"""Jobs are kept as they were last seen, under the id that their provider gave them."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from overnight.catalog import Catalog
from overnight.domain.job import BatchJob
from overnight.domain.status import BatchStatus

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


async def test_a_job_is_kept_as_it_was_last_seen(catalog: Catalog, tmp_path: Path) -> None:
    later = NOW + timedelta(minutes=1)
    await catalog.note_job(job(), now=NOW)
    await catalog.note_job(job(status=BatchStatus.IN_PROGRESS), now=later)
    assert await catalog.jobs("batch_1", limit=9) == [job(status=BatchStatus.IN_PROGRESS)]
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as database:
        (times,) = database.execute("SELECT updated_at - created_at FROM jobs").fetchall()
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
