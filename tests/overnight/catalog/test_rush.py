"""Several processes write at once, in orders of their own: nothing is lost, doubled, or held up for ever."""

import asyncio
import random
import sys
from dataclasses import replace

import pytest

from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange
from overnight.domain.database_url import POOL_SIZE
from overnight.domain.errors import InvalidRequest
from overnight.domain.ids import batch_webhook_id
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.domain.webhook import MAX_ENDPOINTS
from tests.activities.house import order
from tests.overnight.catalog import rush
from tests.overnight.catalog.conftest import Database, at_once

PROCESSES = 3


async def test_processes_that_write_at_once_all_get_through(database: Database) -> None:
    catalog = database.catalog
    for batch_id in ("running", *rush.BATCHES):
        await catalog.add_batch(order(batch_id))
    await catalog.record("running", BatchChange(revision=1, status=BatchStatus.IN_PROGRESS))

    command = [sys.executable, "-m", "tests.overnight.catalog.rush", database.url]
    await asyncio.to_thread(at_once, [[*command, str(seed)] for seed in range(PROCESSES)])

    batch = await catalog.batch("running")
    assert batch.counts.completed == rush.CHUNKS * rush.ROUNDS
    assert batch.tokens_so_far == rush.CHUNKS * rush.ROUNDS
    assert batch.waiting_on == f"reason {rush.ROUNDS}"
    listed = await catalog.list_webhook_endpoints(project="default", limit=100)
    assert len(listed.items) == PROCESSES * rush.ROUNDS
    orphans = "SELECT id FROM webhook_deliveries WHERE endpoint_id NOT IN (SELECT id FROM webhook_endpoints)"
    assert await database.query(orphans) == []
    if not database.is_sqlite:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert await database.query(deadlocks) == [(0,)]


async def test_of_many_first_reports_at_once_the_furthest_counts(catalog: Catalog) -> None:
    await catalog.add_batch(order("batch_1"))
    await catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.IN_PROGRESS))
    for chunk in range(10):
        await asyncio.gather(
            *(
                catalog.report_progress("batch_1", shard=0, chunk=chunk, attempt="a", counts=Counts(9, n, 0))
                for n in (1, 9, 5)
            )
        )
    assert (await catalog.batch("batch_1")).counts.completed == 90


async def test_endpoints_that_are_added_at_once_are_counted(catalog: Catalog) -> None:
    await all_connected(catalog)
    for number in range(MAX_ENDPOINTS - 1):
        await catalog.add_webhook_endpoint(rush.endpoint(f"we_{number}"))
    for _ in range(5):
        more = (catalog.add_webhook_endpoint(rush.endpoint(f"we_more_{number}")) for number in range(8))
        made = await asyncio.gather(*more, return_exceptions=True)
        assert [each for each in made if each is None] == [None]
        assert sum(isinstance(each, InvalidRequest) for each in made) == 7
        await catalog.delete_webhook_endpoint(f"we_more_{made.index(None)}", project="default")


async def test_many_rows_that_are_written_in_any_order_are_waited_for_in_one(catalog: Catalog) -> None:
    await all_connected(catalog)
    keys = [f"files/{number}" for number in range(400)]
    for _ in range(4):
        notes = (catalog.notice_strays(random.sample(keys, 400), now=rush.NOW) for _ in range(8))
        assert all(len(noticed) == 400 for noticed in await asyncio.gather(*notes))
        await asyncio.gather(*(catalog.forget_strays(noticed_by=rush.NOW) for _ in range(4)))


async def all_connected(catalog: Catalog) -> None:
    """Have the pool open all of its connections, so that what is asked at once is done at once."""
    await asyncio.gather(*(catalog.check() for _ in range(POOL_SIZE)))


async def test_an_endpoint_that_is_deleted_while_a_batch_ends_leaves_no_delivery(database: Database) -> None:
    catalog = database.catalog
    for number in range(20):
        batch_id = f"batch_{number}"
        await catalog.add_batch(order(batch_id))
        own = batch_webhook_id(batch_id, order(batch_id).parameters_hash)
        await catalog.add_batch_webhook(rush.endpoint(own, batch_id=batch_id))
        await asyncio.gather(
            catalog.record(batch_id, rush.end(1, BatchStatus.COMPLETED)),
            catalog.delete_webhook_endpoint(own, project="default"),
        )
    assert await database.query("SELECT id FROM webhook_deliveries") == []


@pytest.mark.parametrize("text", ["a\0b", "half \ud83d", "é ☾ 🌙", "x" * 5_000], ids=ascii)
async def test_any_text_comes_back_and_what_no_database_can_hold_is_replaced(
    catalog: Catalog, text: str
) -> None:
    kept = text.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")
    await catalog.add_batch(replace(order("batch_1"), metadata={"a": text}))
    done = BatchChange(revision=1, status=BatchStatus.IN_PROGRESS, model=text, warnings=(text,))
    await catalog.record("batch_1", done)
    await catalog.note_wait("batch_1", step=text, reason=text)

    batch = await catalog.batch("batch_1")

    assert (batch.model, batch.waiting_on) == (kept, kept)
    assert (batch.warnings, batch.order.metadata) == ((text,), {"a": text})
    assert await catalog.job("openai", text) is None
    assert await catalog.unknown_files([text]) == {text}
