"""How a worker says that it is."""

import httpx2
from temporalio.testing import WorkflowEnvironment

from overnight.catalog import Catalog
from overnight.health.parts import Draining
from overnight.storage.memory import MemoryStorage
from tests.ports import free_port
from workers.door import Door, serving
from workers.health import WorkerHealth

HOST = "127.0.0.1"
WELL = {"temporal": "ok", "catalog": "ok", "storage": "ok", "queues": "ok"}


async def test_a_worker_is_ready_once_it_polls_and_until_it_drains(
    temporal: WorkflowEnvironment, catalog: Catalog
) -> None:
    draining = Draining()
    health = WorkerHealth(client=temporal.client, catalog=catalog, storage=MemoryStorage(), draining=draining)
    door = Door(host=HOST, port=free_port(), key="sk-house")
    url = f"http://{HOST}:{door.port}/health"
    async with serving(door, health), httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        begins = await http.get(f"{url}/readiness")
        assert begins.status_code == 503
        assert begins.json() == {
            "status": "not ready",
            "parts": {**WELL, "queues": "The worker takes nothing from its queues yet."},
        }
        health.polls()
        works = await http.get(f"{url}/readiness")
        assert (works.status_code, works.json()) == (200, {"status": "ready", "parts": WELL})
        draining.begin()
        drains = await http.get(f"{url}/readiness")
        assert (drains.status_code, drains.json()["status"]) == (503, "draining")
        assert (await http.get(f"{url}/liveness")).status_code == 200
