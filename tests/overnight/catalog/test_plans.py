"""Whatever is asked often is found by an index: it costs the same whether there are ten rows or a million.

The tables are filled, since a short one is best read from one end to the other, whatever indices it has.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, insert

from overnight.catalog import Catalog, tables
from overnight.domain.file import FilePurpose
from overnight.domain.spend import SpendBy, SpendQuery
from tests.overnight.catalog.conftest import Database

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=40)
ROWS = 10_000
RUNNING = 20
"""So many batches of `ROWS` run, and so many files are to be erased."""

TODAY = SpendQuery(project="default", since=NOW.date(), by=(SpendBy.DAY,))


def batch(number: int) -> dict[str, Any]:
    running = number < RUNNING
    at = NOW - timedelta(seconds=number)
    return {
        "id": f"batch_{number}",
        "project": "default",
        "input_file_id": f"file-{number}",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "window_seconds": 86_400,
        "parameters_hash": "h",
        "request_id": "r",
        "created_at": at,
        "status": "in_progress" if running else "completed",
        "completed_at": None if running else at,
        "swept_at": None if number < 2 * RUNNING else NOW,
        "requested_model": f"model-{number % 7}",
        "approximated_input": 10,
        "revision": 1,
        "total": 1,
        "completed": 1,
        "failed": 0,
        "errors_total": 0,
    }


def file(number: int) -> dict[str, Any]:
    gone = number % (ROWS // RUNNING) == 0
    return {
        "id": f"file-{number}",
        "project": "default",
        "filename": "f",
        "purpose": "batch" if number % 100 == 0 else "batch_output",
        "bytes": 1,
        "key": "k",
        "created_at": NOW - timedelta(seconds=number),
        "expires_at": OLD if gone else None,
        "erased_at": None,
        "batch_id": f"batch_{number}",
    }


def progress(number: int) -> dict[str, Any]:
    return {
        "batch_id": f"batch_{number // 8}",
        "shard": 0,
        "chunk": number,
        "attempt": "a",
        "completed": 1,
        "failed": 0,
        "tokens": 1,
    }


def wait(number: int) -> dict[str, Any]:
    return {"batch_id": f"batch_{number}", "step": "seal", "reason": "r"}


def upload(number: int) -> dict[str, Any]:
    return {
        "id": f"upload_{number}",
        "project": "default",
        "filename": "f",
        "purpose": "batch",
        "bytes": 1,
        "created_at": OLD,
        "expires_at": OLD,
        "status": "completed",
        "part_count": 0,
        "cleared_at": NOW if number >= RUNNING else None,
    }


def part(number: int) -> dict[str, Any]:
    return {"id": f"part_{number}", "upload_id": f"upload_{number // 4}", "bytes": 1, "created_at": OLD}


def job(number: int) -> dict[str, Any]:
    return {
        "provider": "openai",
        "id": f"job_{number}",
        "deployment": "d",
        "batch_id": f"batch_{number // 4}",
        "shard": 0,
        "number": number,
        "workflow_id": "w",
        "status": "completed",
        "created_at": OLD,
        "updated_at": OLD,
    }


def endpoint(number: int) -> dict[str, Any]:
    return {
        "id": f"we_{number}",
        "project": "default",
        "name": "n",
        "url": "https://example.com",
        "event_types": [],
        "secret": "s",
        "batch_id": f"batch_{number}",
        "created_at": OLD if number < RUNNING else NOW - timedelta(seconds=number),
        "updated_at": OLD,
    }


def delivery(number: int) -> dict[str, Any]:
    return {
        "id": f"whd_{number}",
        "endpoint_id": f"we_{number // 40}",
        "project": "default",
        "batch_id": f"batch_{number}",
        "event_type": "batch.completed",
        "occurred_at": OLD,
        "created_at": OLD if number < RUNNING else NOW - timedelta(seconds=number),
        "status": "pending" if number < RUNNING else "delivered",
        "attempts": [],
        "attempts_total": 0,
    }


def spent(number: int) -> dict[str, Any]:
    counted = dict.fromkeys(("lines", "unpriced_lines", "usd_billionths", "usd_rest"), 1)
    tokens = dict.fromkeys(("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"), 1)
    day = (NOW - timedelta(days=number // 20)).date().isoformat()
    return {"batch_id": f"batch_{number}", "number": 0, "project": "default", "day": day, **counted, **tokens}


def stray(number: int) -> dict[str, Any]:
    return {"key": f"files/{number}", "noticed_at": OLD if number < RUNNING else NOW}


FILLED: dict[Table, Callable[[int], dict[str, Any]]] = {
    tables.batches: batch,
    tables.files: file,
    tables.progress: progress,
    tables.waits: wait,
    tables.uploads: upload,
    tables.upload_parts: part,
    tables.jobs: job,
    tables.webhook_endpoints: endpoint,
    tables.webhook_deliveries: delivery,
    tables.spend: spent,
    tables.strays: stray,
}


@dataclass(frozen=True)
class Asked:
    """A question, the index that answers it, and whether its few rows may be put in order afterwards."""

    ask: Callable[[Catalog], Awaitable[Any]]
    by: str = ""
    sorts: bool = False


def files_page(catalog: Catalog, **fields: Any) -> Awaitable[Any]:
    return catalog.list_files(project="default", now=NOW, limit=20, **fields)


ASKED = {
    "a batch": Asked(lambda c: c.batch("batch_7"), sorts=True),
    "a file": Asked(lambda c: c.file("file-7", project="default", now=NOW)),
    "the newest batches": Asked(lambda c: c.list_batches(project="default"), "batches_by_age", sorts=True),
    "batches further on": Asked(
        lambda c: c.list_batches(project="default", after="batch_2000"), "batches_by_age", sorts=True
    ),
    "the newest files": Asked(files_page, "files_listed"),
    "the oldest files": Asked(lambda c: files_page(c, newest_first=False), "files_listed"),
    "files further on": Asked(lambda c: files_page(c, after="file-2001"), "files_listed"),
    "files further back": Asked(
        lambda c: files_page(c, after="file-2001", newest_first=False), "files_listed"
    ),
    "files for one purpose": Asked(
        lambda c: files_page(c, purpose=FilePurpose.BATCH), "files_listed_by_purpose"
    ),
    "such files further on": Asked(
        lambda c: files_page(c, purpose=FilePurpose.BATCH, after="file-2100"), "files_listed_by_purpose"
    ),
    "batches that run": Asked(lambda c: c.unfinished_batches(), "batches_by_status", sorts=True),
    "files to erase": Asked(lambda c: c.erasable_files(now=NOW), "files_to_erase_by_expiry", sorts=True),
    "what batches leave": Asked(lambda c: c.unswept_batches(ended_by=NOW, limit=10), "batches_by_sweep"),
    "what uploads leave": Asked(lambda c: c.uncleared_uploads(expired_by=NOW), "uploads_by_clearing"),
    "what the other chunks have cost": Asked(
        lambda c: c.cost_so_far("batch_1", beside_shard=0, beside_chunk=1)
    ),
    "the parts of an upload": Asked(lambda c: c.parts("upload_7"), "upload_parts_by_upload"),
    "the jobs of a batch": Asked(lambda c: c.jobs("batch_7", limit=10), "jobs_by_batch", sorts=True),
    "a job": Asked(lambda c: c.job("openai", "job_7")),
    "the endpoints of a project": Asked(
        lambda c: c.list_webhook_endpoints(project="default"), "webhook_endpoints_by_batch", sorts=True
    ),
    "an endpoint's deliveries": Asked(
        lambda c: c.list_deliveries("we_7", project="default"), "webhook_deliveries_by_endpoint"
    ),
    "deliveries further on": Asked(
        lambda c: c.list_deliveries("we_7", project="default", after="whd_290"),
        "webhook_deliveries_by_endpoint",
    ),
    "what is to be told of a batch": Asked(
        lambda c: c.pending_deliveries("batch_7"), "webhook_deliveries_by_batch"
    ),
    "what is told late": Asked(
        lambda c: c.overlooked_deliveries(created_by=NOW, limit=10), "webhook_deliveries_by_status"
    ),
    "what a model has used": Asked(
        lambda c: c.past_use(project="default", model="model-1", limit=20), "batches_by_model"
    ),
    "what a day has cost": Asked(lambda c: c.spend(TODAY), "spend_by_day", sorts=True),
    "strays that are forgotten": Asked(
        lambda c: c.forget_strays(noticed_by=OLD), "strays_by_age", sorts=True
    ),
    "deliveries that are forgotten": Asked(
        lambda c: c.forget_deliveries(created_by=OLD), "webhook_deliveries_by_age", sorts=True
    ),
}
SORTS = re.compile(r"\bSort\b|USE TEMP B-TREE FOR ORDER BY")
SCANS = re.compile(rf"(?:Seq Scan on|SCAN) (?:{'|'.join(tables.metadata.tables)})\b")


@pytest.fixture
async def filled(database: Database) -> Database:
    """A catalog with so many rows that an index is worth it."""
    async with database.engine.begin() as connection:
        for table, row in FILLED.items():
            await connection.execute(insert(table), [row(number) for number in range(ROWS)])
    if not database.is_sqlite:
        # As the server does by itself before long. Nobody does with SQLite's file.
        await database.query("ANALYZE")
    return database


async def test_what_is_asked_often_is_found_by_an_index(filled: Database) -> None:
    odd = {}
    for name, asked in ASKED.items():
        plan = await filled.plans(asked.ask(filled.catalog))
        if SCANS.search(plan) or asked.by not in plan or (SORTS.search(plan) and not asked.sorts):
            odd[name] = plan
    assert not odd, "\n\n".join(f"{name}:\n{plan}" for name, plan in odd.items())
