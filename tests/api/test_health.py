import pytest

from overnight.catalog import Catalog
from overnight.domain.errors import CatalogUnavailable
from tests.api.served import Served


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness"])
async def test_a_gateway_that_answers_is_alive(served: Served, path: str) -> None:
    served.runs.unreachable = True
    async with served.http() as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_it_is_ready_when_all_its_parts_are(served: Served) -> None:
    async with served.http() as http:
        answer = await http.get("/health/readiness")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "parts": {"temporal": "ok", "catalog": "ok", "storage": "ok"},
    }


async def test_asking_again_and_again_does_not_write_to_the_disk_each_time(served: Served) -> None:
    async with served.http() as http:
        for _ in range(5):
            await http.get("/health/readiness")
    assert len(served.storage.blocks) == 1


async def test_each_part_that_is_not_ready_says_why(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(_: Catalog) -> None:
        raise CatalogUnavailable("reading failed: OperationalError")

    monkeypatch.setattr(Catalog, "check", check)
    served.runs.unreachable = True
    async with served.http() as http:
        answer = await http.get("/health/readiness")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "parts": {
            "temporal": "Temporal did not answer: UNAVAILABLE",
            "catalog": "reading failed: OperationalError",
            "storage": "ok",
        },
    }


async def test_a_surprise_is_known_by_its_name_only(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        raise RuntimeError("postgresql://user:secret@host/db")

    monkeypatch.setattr(served.runs, "check", check)
    async with served.http() as http:
        answer = await http.get("/health/readiness")
    assert answer.json()["parts"]["temporal"] == "RuntimeError"
