import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain.deployment import Deployment, GooglePlace
from overnight.domain.errors import CatalogUnavailable
from overnight.health.recent import KEPT_FOR
from tests.api.served import KEY, Runs, Served
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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the catalog and of Temporal."""
    asked: list[str] = []

    async def check_catalog(_: Catalog) -> None:
        asked.append("catalog")

    async def check_temporal(_: Runs) -> None:
        asked.append("temporal")

    monkeypatch.setattr(Catalog, "check", check_catalog)
    monkeypatch.setattr(Runs, "check", check_temporal)
    return asked


async def test_asking_again_and_again_asks_no_part_each_time(asked: list[str], served: Served) -> None:
    began = time.monotonic()
    async with served.http() as http:
        for _ in range(5):
            await asyncio.gather(*(http.get("/health/readiness") for _ in range(5)))
    at_most = 1 + (time.monotonic() - began) // KEPT_FOR.total_seconds()
    assert 1 <= asked.count("catalog") <= at_most
    assert 1 <= asked.count("temporal") <= at_most
    assert 1 <= len(served.storage.blocks) <= at_most


@pytest.fixture
def without_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(_: Catalog) -> None:
        raise CatalogUnavailable("reading failed: OperationalError")

    monkeypatch.setattr(Catalog, "check", check)


@pytest.mark.usefixtures("without_catalog")
async def test_each_part_that_is_not_ready_says_why(served: Served) -> None:
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


@pytest.fixture
def surprising(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(_: Runs) -> None:
        raise RuntimeError("postgresql://user:secret@host/db")

    monkeypatch.setattr(Runs, "check", check)


@pytest.mark.usefixtures("surprising")
async def test_a_surprise_is_known_by_its_name_only(served: Served) -> None:
    async with served.http() as http:
        answer = await http.get("/health/readiness")
    assert answer.json()["parts"]["temporal"] == "RuntimeError"


@pytest.mark.usefixtures("without_catalog")
@pytest.mark.parametrize(
    "header", [{}, {"authorization": "Bearer sk-wrong"}, {"authorization": f"Basic {KEY}"}]
)
async def test_who_has_no_key_learns_which_part_is_away_and_not_why(
    served: Served, header: dict[str, str]
) -> None:
    served.runs.unreachable = True
    async with served.http() as http:
        del http.headers["authorization"]
        answer = await http.get("/health/readiness", headers=header)
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "parts": {"temporal": "unavailable", "catalog": "unavailable", "storage": "ok"},
    }


async def test_what_is_wrong_is_in_the_log_once_whoever_asks_and_so_is_its_end(served: Served) -> None:
    served.runs.unreachable = True
    with capture_logs() as log:
        async with served.http() as http, asyncio.timeout(60):
            for header in ({}, {"authorization": "Bearer sk-wrong"}, {}):
                await http.get("/health/readiness", headers=header)
            served.runs.unreachable = False
            while (await http.get("/health/readiness")).status_code != 200:  # noqa: ASYNC110 - it is asked anew
                await asyncio.sleep(0.1)
    told = [line for line in log if line.get("part")]
    assert told == [
        {
            "event": "not well",
            "log_level": "warning",
            "part": "temporal",
            "why": "Temporal did not answer: UNAVAILABLE",
        },
        {"event": "well again", "log_level": "info", "part": "temporal"},
    ]


class TestWithoutAMasterKey:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, master_key=None)

    @pytest.mark.usefixtures("without_catalog")
    async def test_everybody_is_told_why(self, served: Served) -> None:
        async with served.http() as http:
            del http.headers["authorization"]
            said = (await http.get("/health/readiness")).json()
        assert (said["parts"]["catalog"], said["buckets"]) == ("reading failed: OperationalError", [])


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

    async def test_strangers_are_told_of_no_bucket_and_the_log_is_once(self, served: Served) -> None:
        with capture_logs() as log:
            async with served.http() as http, asyncio.timeout(60):
                del http.headers["authorization"]
                told: list[Any] = []
                while not told:
                    answer = await http.get("/health/readiness")
                    assert set(answer.json()) == {"status", "parts"}
                    told = [line for line in log if line.get("part", "").startswith("bucket ")]
                for _ in range(3):
                    await http.get("/health/readiness")
        lines = [line for line in log if line.get("part", "").startswith("bucket ")]
        assert [(line["part"], line["why"]) for line in lines] == [
            ("bucket gs://nobody-made-it/rows", "there is no Google Cloud Storage bucket 'nobody-made-it'")
        ]
