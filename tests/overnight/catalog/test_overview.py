"""All batches at a glance: by the status that clients see, and what becomes of those that run."""

from datetime import UTC, datetime, timedelta

from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange
from overnight.domain.overview import Overview
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from tests.activities.house import order

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def add(catalog: Catalog, name: str, status: BatchStatus, counts: Counts, *, age: timedelta) -> None:
    await catalog.add_batch(order(name, created_at=NOW - age))
    await catalog.record(name, BatchChange(revision=1, status=status, counts=counts))


async def test_an_empty_catalog_has_nothing_to_show(catalog: Catalog) -> None:
    assert await catalog.overview(now=NOW) == Overview()


async def test_batches_are_counted_by_status_and_lines_by_what_was_reported(catalog: Catalog) -> None:
    hour = timedelta(hours=1)
    await add(catalog, "batch_1", BatchStatus.COMPLETED, Counts(5, 5, 0), age=9 * hour)
    await add(catalog, "batch_2", BatchStatus.IN_PROGRESS, Counts(100), age=3 * hour)
    await add(catalog, "batch_3", BatchStatus.IN_PROGRESS, Counts(50), age=hour)
    await catalog.request_cancel("batch_3", at=NOW)
    for chunk, waiting_on in enumerate([None, "endpoint refuses connections"]):
        await catalog.report_progress(
            "batch_2", shard=0, chunk=chunk, attempt="a", counts=Counts(50, 20, 1), waiting_on=waiting_on
        )
    assert await catalog.overview(now=NOW) == Overview(
        batches={BatchStatus.COMPLETED: 1, BatchStatus.IN_PROGRESS: 1, BatchStatus.CANCELLING: 1},
        running=Counts(150, 42),
        waiting=1,
        oldest_age=3 * hour,
    )
