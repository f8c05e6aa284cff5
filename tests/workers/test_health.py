"""How a worker says that it is."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs
from temporalio.testing import WorkflowEnvironment

from overnight.catalog import Catalog
from overnight.domain.errors import StorageUnavailable
from overnight.health.parts import Draining
from overnight.health.recent import FAILURE_KEPT_FOR, KEPT_FOR
from overnight.storage.memory import MemoryStorage
from tests.ports import free_port
from workers.door import Door, serving
from workers.health import WorkerHealth

HOST = "127.0.0.1"
KEY = "sk-house"
WELL = {"temporal": "ok", "catalog": "ok", "storage": "ok", "queues": "ok"}
IDLE = "The worker takes nothing from its queues yet."
Asking = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]
GONE = "there is no S3 bucket 'nobody-made-it'"


class Gone(MemoryStorage):
    """A store that is not there, and counts who looked for it."""

    looked = 0

    async def check(self) -> None:
        self.looked += 1
        raise StorageUnavailable(GONE, key="health/")


@pytest.fixture
def door() -> Door:
    return Door(host=HOST, port=free_port(), key=KEY)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    """Asks for readiness, with a key or without, and returns the status and what is said."""
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:

        async def ask(door: Door, key: str | None = None) -> tuple[int, dict[str, Any]]:
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            answer = await http.get(f"http://{HOST}:{door.port}/health/readiness", headers=headers)
            return answer.status_code, answer.json()

        yield ask


async def test_a_worker_is_ready_once_it_polls_and_until_it_drains(
    temporal: WorkflowEnvironment, catalog: Catalog, door: Door, asking: Asking
) -> None:
    draining = Draining()
    health = WorkerHealth(client=temporal.client, catalog=catalog, storage=MemoryStorage(), draining=draining)
    async with serving(door, health), httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        assert await asking(door, KEY) == (503, {"status": "not ready", "parts": {**WELL, "queues": IDLE}})
        health.polls()
        assert await asking(door) == (200, {"status": "ready", "parts": WELL})
        draining.begin()
        drains, said = await asking(door)
        assert (drains, said["status"]) == (503, "draining")
        assert (await http.get(f"http://{HOST}:{door.port}/health/liveness")).status_code == 200


@pytest.mark.parametrize("metrics_open", [False, True])
async def test_what_is_wrong_is_for_who_shows_the_key_and_in_the_log_once(
    temporal: WorkflowEnvironment, catalog: Catalog, door: Door, asking: Asking, *, metrics_open: bool
) -> None:
    door = replace(door, metrics_open=metrics_open)
    health = WorkerHealth(client=temporal.client, catalog=catalog, storage=Gone(), draining=Draining())
    health.polls()
    with capture_logs() as log:
        async with serving(door, health):
            for key in (None, "sk-wrong", None):
                status, said = await asking(door, key)
                assert (status, said["parts"]) == (503, {**WELL, "storage": "unavailable"})
            assert (await asking(door, KEY))[1]["parts"] == {**WELL, "storage": GONE}
    told = [(line["part"], line["why"]) for line in log if "part" in line]
    assert told == [("storage", GONE)]


@pytest.mark.parametrize(("host", "told"), [(HOST, GONE), ("0.0.0.0", "unavailable")])  # noqa: S104 - the point
async def test_without_a_key_it_is_for_who_gets_to_a_door_on_loopback(
    temporal: WorkflowEnvironment, catalog: Catalog, asking: Asking, host: str, told: str
) -> None:
    door = Door(host=host, port=free_port(), metrics_open=True)
    health = WorkerHealth(client=temporal.client, catalog=catalog, storage=Gone(), draining=Draining())
    async with serving(door, health):
        assert (await asking(door))[1]["parts"]["storage"] == told


async def test_asking_again_and_again_asks_no_part_each_time(
    temporal: WorkflowEnvironment,
    catalog: Catalog,
    door: Door,
    asking: Asking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    async def check(_: Catalog) -> None:
        nonlocal asked
        asked += 1

    monkeypatch.setattr(Catalog, "check", check)
    storage, began = Gone(), time.monotonic()
    health = WorkerHealth(client=temporal.client, catalog=catalog, storage=storage, draining=Draining())
    async with serving(door, health):
        for _ in range(5):
            await asyncio.gather(*(asking(door) for _ in range(5)))
    took = time.monotonic() - began
    assert 1 <= asked <= 1 + took // KEPT_FOR.total_seconds()
    assert 1 <= storage.looked <= 1 + took // FAILURE_KEPT_FOR.total_seconds()
