"""`GET /metrics` of a gateway: whom it is for, what it says, and that it says what it can."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from overnight.catalog import Catalog, open_engine
from overnight.config import Settings
from overnight.domain.batch import BatchChange
from overnight.domain.status import BatchStatus
from overnight.telemetry import metrics
from tests.activities.house import order
from tests.api.served import Front, Served


@pytest.fixture(autouse=True)
def no_earlier_look() -> None:
    """Gateways of other tests, in this process, have looked into other catalogs."""
    metrics.GATEWAY.show(None)


async def sample(served: Served, name: str, labels: Mapping[str, str]) -> float | None:
    async with served.http() as http:
        answer = (await http.get("/metrics")).raise_for_status()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for family in text_string_to_metric_families(answer.text):
        for each in family.samples:
            if each.name == name and labels.items() <= each.labels.items():
                return each.value
    return None


async def test_the_page_is_for_who_has_the_key(served: Served) -> None:
    async with served.http(headers={"authorization": "Bearer sk-other"}) as http:
        assert (await http.get("/metrics")).status_code == 401
    async with served.http() as http:
        assert (await http.get("/metrics")).status_code == 200


def again(served: Served, server: tuple[Front, int], settings: Settings, catalog: Catalog) -> None:
    """Have the gateway made anew, with other settings or another catalog."""
    server[0].gateway = create_app(
        settings=settings,
        storage=served.storage,
        catalog=catalog,
        runs=served.runs,  # type: ignore[arg-type]
    )


async def test_an_operator_may_open_it_to_everybody(
    served: Served, server: tuple[Front, int], settings: Settings, catalog: Catalog
) -> None:
    again(served, server, replace(settings, metrics_open=True), catalog)
    async with served.http(headers={"authorization": ""}) as http:
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.get("/v1/batches")).status_code == 401


async def test_without_a_key_it_is_for_this_machine_and_no_web_page(
    served: Served, server: tuple[Front, int], settings: Settings, catalog: Catalog
) -> None:
    again(served, server, replace(settings, master_key=None), catalog)
    async with served.http() as http:
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.get("/metrics", headers={"origin": "https://evil.example"})).status_code == 403


async def test_it_tells_how_many_batches_there_are(served: Served) -> None:
    await served.catalog.add_batch(order())
    await served.catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.COMPLETED))
    assert await sample(served, "overnight_batches", {"status": "completed", "process": "gateway"}) == 1
    assert await sample(served, "overnight_batches", {"status": "failed"}) == 0
    assert await sample(served, "overnight_catalog_up", {}) == 1


async def test_a_catalog_that_is_down_is_said_and_hides_nothing_else(
    served: Served, server: tuple[Front, int], settings: Settings
) -> None:
    engine = open_engine("sqlite+aiosqlite:////nowhere/catalog.db")
    again(served, server, settings, Catalog(engine))
    assert await sample(served, "overnight_catalog_up", {}) == 0
    assert await sample(served, "overnight_batches", {"status": "completed"}) is None
    assert await sample(served, "process_resident_memory_bytes", {"process": "gateway"})
    await engine.dispose()


async def test_requests_are_counted_by_the_template_of_their_route(served: Served) -> None:
    labels = {"method": "GET", "route": "/batches/{batch_id}", "status": "404"}
    before = await sample(served, "overnight_http_requests_total", labels) or 0
    async with served.http() as http:
        for number in range(3):
            await http.get(f"/v1/batches/batch_{number}?secret=yes")
        await http.request("PROPFIND", "/v1/batches")
        page = (await http.get("/metrics")).text
    assert await sample(served, "overnight_http_requests_total", labels) == before + 3
    assert await sample(served, "overnight_http_requests_total", {"method": "other"})
    assert "batch_2" not in page
    assert "secret" not in page
    assert "PROPFIND" not in page
