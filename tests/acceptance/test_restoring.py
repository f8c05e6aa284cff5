"""Rows that are restored from a backup learn from Temporal what has happened since."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import httpx2

from tests.acceptance.command_line import overnight
from tests.acceptance.conftest import SHARED_CONFIG, Serve
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import KEY, Served, answered, ended, until
from tests.acceptance.simulated import Endpoint

LINES = 60
SLOW_SECONDS = 3
"""Of an answer: all of them take longer than a worker has to drain."""


def back_up(catalog: Path, copy: Path) -> None:
    """Copy the rows as they are now."""
    with sqlite3.connect(catalog) as now, sqlite3.connect(copy) as then:
        now.backup(then)


def restore(copy: Path, catalog: Path) -> None:
    for journal in ("-wal", "-shm"):
        catalog.with_name(catalog.name + journal).unlink(missing_ok=True)
    shutil.copyfile(copy, catalog)


def known(served: Served) -> Any:
    return {batch.id: batch.status for batch in served.client.batches.list()}


def test_what_a_restored_catalog_does_not_know_it_learns_from_temporal(
    begin: Serve, endpoint: Endpoint, tmp_path: Path
) -> None:
    served = begin("restored", config=SHARED_CONFIG.format(api_base=endpoint.base_url))
    path, copy = write_requests(tmp_path / "in.jsonl", LINES), tmp_path / "catalog.db"
    with served, served.client as client:
        endpoint.fault(kind="delay", seconds=SLOW_SECONDS)
        half_known = submit(client, path)
        answered(client, half_known.id, lines=1)
        back_up(served.data / "catalog.db", copy)
        endpoint.heal()
        ended(client, half_known.id, log=served.log)
        unknown = ended(client, submit(client, path).id, log=served.log)
        endpoint.fault(kind="delay", seconds=SLOW_SECONDS)
        running = submit(client, path)
        answered(client, running.id, lines=1)
        served.stop()
        restore(copy, served.data / "catalog.db")

        served.start()
        # Housekeeping gives the one that runs its row back, and brings the other's up to date.
        until(lambda: known(served).get(half_known.id) == "completed", log=served.log)
        until(lambda: running.id in known(served), log=served.log)
        assert unknown.id not in known(served)
        endpoint.heal()
        told, _ = overnight(
            *("db", "recall", "--config", "config.yaml", "--data-dir", ".overnight"),
            *("--temporal-address", served.temporal_address),
            cwd=served.folder,
        )
        assert f"{unknown.id}  completed" in told
        for batch_id in (half_known.id, unknown.id, running.id):
            final = ended(client, batch_id, log=served.log)
            assert final.status == "completed"
            assert_every_line_once(client, final, LINES)
            overnight("verify", batch_id, url=served.url, keys={"OVERNIGHT_API_KEY": KEY})
        headers = {"authorization": f"Bearer {KEY}"}
        (spent,) = httpx2.get(f"{served.url}/v1/spend", headers=headers, timeout=60).json()["data"]
        assert (spent["batches"], spent["requests"]) == (3, 3 * LINES)
