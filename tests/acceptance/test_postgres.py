"""Rows in PostgreSQL: a batch outlives a killed server, and no part serves before the tables are there."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import InternalServerError, OpenAI

from tests.acceptance.command_line import OVERNIGHT, environment, overnight
from tests.acceptance.conftest import CONFIG, Serve
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.receiver import Receiver
from tests.acceptance.serving import KEY, answered, ended, until
from tests.acceptance.simulated import Endpoint
from tests.acceptance.test_buckets import temporal
from tests.emulators.processes import running
from tests.ports import free_port
from tests.postgres import Postgres
from workflows import search_attributes
from workflows.connecting import connect

LINES = 400
PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def config(endpoint: Endpoint, postgres: Postgres) -> str:
    """Rows in an empty database, whose URL is one as people have it."""
    url = postgres.new_database().replace("postgres@", f"postgres:{PASSWORD}@")
    text = CONFIG.format(api_base=endpoint.base_url, parallel=8)
    said = "webhook_allowed_hosts: [127.0.0.1]"
    return f"{text}general_settings: {{database_url: '{url}?sslmode=prefer&connect_timeout=5', {said}}}\n"


def readiness(url: str) -> Any:
    """Return the status and what is said of the parts, or None where nobody answers."""
    try:
        answer = httpx2.get(f"{url}/health/readiness", timeout=30)
    except httpx2.HTTPError:
        return None
    return answer.status_code, answer.json()["parts"]


def unready(url: str) -> Any:
    """Return the same once it is not ready, and None until then."""
    said = readiness(url)
    return said if said and said[0] == 503 else None


def test_a_batch_outlives_a_database_that_is_killed(
    postgres: Postgres, endpoint: Endpoint, begin: Serve, tmp_path: Path
) -> None:
    endpoint.fault(kind="delay", seconds=0.05)
    served = begin("rows", config=config(endpoint, postgres)).start()
    with Receiver() as receiver:
        hook = {"webhook": {"url": receiver.url}}
        requests = write_requests(tmp_path / "in.jsonl", LINES)
        batch = submit(served.client, requests, extra_body=hook)
        answered(served.client, batch.id, lines=50, log=served.log)

        postgres.kill()
        until(lambda: endpoint.seen()["total"] >= LINES, log=served.log)
        # That it was well is told for a few seconds more.
        status, parts = until(lambda: unready(served.url), log=served.log)
        with pytest.raises(InternalServerError, match="The catalog is not available right now") as refused:
            served.client.batches.retrieve(batch.id)
        postgres.start()

        final = ended(served.client, batch.id, log=served.log)
        until(lambda: receiver.heard(1), log=served.log)
    assert (status, parts["temporal"], parts["storage"]) == (503, "ok", "ok")
    assert "reading failed" in parts["catalog"]
    assert refused.value.status_code == 503
    assert final.status == "completed"
    assert_every_line_once(served.client, final, LINES)
    until(lambda: readiness(served.url)[0] == 200, log=served.log)
    bearer = {"authorization": f"Bearer {KEY}"}
    (spent,) = httpx2.get(f"{served.url}/v1/spend", headers=bearer, timeout=60).json()["data"]
    assert (spent["requests"], spent["batches"]) == (LINES, 1)
    overnight("verify", batch.id, url=served.url)
    assert PASSWORD not in served.log.read_text()
    assert not (served.data / "catalog.db").exists()


async def test_a_gateway_and_a_worker_serve_once_the_schema_is_theirs(
    postgres: Postgres, endpoint: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(config(endpoint, postgres))
    port, temporal_port = free_port(), free_port()
    rows = ("--config", tmp_path / "config.yaml", "--data-dir", tmp_path / "data")
    gateway, worker = ("gateway", *rows, "--port", port), ("worker", *rows)
    for part in (gateway, worker):
        _, said = overnight(*part, code=1)
        assert "the catalog has no tables yet: run `overnight db upgrade`" in said
    said, _ = overnight("db", "upgrade", *rows)
    assert "up to date" in said
    assert PASSWORD not in said

    keys = environment(TEMPORAL_ADDRESS=f"127.0.0.1:{temporal_port}")
    logs = [tmp_path / "temporal.log", tmp_path / "gateway.log"]
    with (
        running(temporal(temporal_port), port=temporal_port, log=logs[0]),
        running([OVERNIGHT, *map(str, gateway)], port=port, log=logs[1], environ=keys),
        working([OVERNIGHT, *map(str, worker)], log=tmp_path / "worker.log", environ=keys),
    ):
        await search_attributes.register(await connect(f"127.0.0.1:{temporal_port}"))
        client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_retries=0, timeout=60)
        batch = submit(client, write_requests(tmp_path / "in.jsonl", 20))
        final = await asyncio.to_thread(ended, client, batch.id, log=tmp_path / "worker.log")
        assert final.status == "completed"
        assert_every_line_once(client, final, 20)


@contextmanager
def working(command: list[str], *, log: Path, environ: dict[str, str]) -> Iterator[None]:
    """Run a worker, which listens on no port, until the block ends."""
    with log.open("wb") as output, subprocess.Popen(command, env=environ, stderr=output) as process:
        yield
        process.terminate()
