import asyncio
from dataclasses import replace
from typing import Any

import pytest

from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain.deployment import Deployment, GooglePlace
from overnight.domain.errors import CatalogUnavailable
from tests.api.served import Served
from tests.emulators.gcs import GcsServer


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
        "buckets": [],
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
        "buckets": [],
    }


async def test_a_surprise_is_known_by_its_name_only(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        raise RuntimeError("postgresql://user:secret@host/db")

    monkeypatch.setattr(served.runs, "check", check)
    async with served.http() as http:
        answer = await http.get("/health/readiness")
    assert answer.json()["parts"]["temporal"] == "RuntimeError"


class TestBucketsOfDeployments:
    @pytest.fixture
    def settings(self, settings: Settings, gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
        place = GooglePlace(project="p", location="l", bucket=gcs.new_bucket().bucket, prefix="rows/")
        good = Deployment(
            id="v1",
            model_name="good",
            provider="vertex_ai",
            model="gemini",
            api_base="http://h",
            google=place,
        )
        also = replace(good, id="v2", model_name="also")
        astray = replace(good, id="v3", model_name="astray", google=replace(place, bucket="nobody-made-it"))
        return replace(settings, deployments=(*settings.deployments, good, also, astray))

    async def test_each_deployment_whose_rows_need_a_bucket_has_a_line_and_none_makes_it_unready(
        self, served: Served, settings: Settings
    ) -> None:
        bucket = next(each.google.bucket for each in settings.deployments if each.google)
        async with served.http() as http, asyncio.timeout(60):
            lines: list[dict[str, Any]] = []
            while not lines or "being tried" in {line["state"] for line in lines}:
                answer = await http.get("/health/readiness")
                assert answer.status_code == 200
                lines = answer.json()["buckets"]
        assert [(line["deployment"], line["bucket"], line["state"]) for line in lines] == [
            ("deployment 'good' (vertex_ai at http://h)", f"gs://{bucket}/rows", "ok"),
            ("deployment 'also' (vertex_ai at http://h)", f"gs://{bucket}/rows", "ok"),
            (
                "deployment 'astray' (vertex_ai at http://h)",
                "gs://nobody-made-it/rows",
                "there is no Google Cloud Storage bucket 'nobody-made-it'",
            ),
        ]
