"""What a worker says of the buckets that it will need."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from overnight.config import Settings
from overnight.domain.deployment import Deployment, GooglePlace
from tests.activities.house import deployment, settings
from tests.emulators.gcs import GcsServer
from workers.buckets import trying_buckets

PLACE = GooglePlace(project="p", location="l", bucket="nobody-made-it", credentials="anonymous")


def at_google(name: str, **place: str) -> Deployment:
    return deployment(name, model_name=name, provider="vertex_ai", google=replace(PLACE, **place))


async def said_of(here: Settings, *, deployments: int) -> list[tuple[str, str, str]]:
    """Return what is logged, once so many deployments are spoken of."""
    with capture_logs() as log:
        async with trying_buckets(here), asyncio.timeout(60):
            while len(log) < deployments:  # noqa: ASYNC110 - a log has no event to wait for
                await asyncio.sleep(0.01)
    return [(each["deployment"], each["bucket"], each["reason"]) for each in log]


async def test_a_worker_says_at_once_which_deployments_have_no_bucket_they_can_use(
    gcs: GcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    good = at_google("good", bucket=gcs.new_bucket().bucket)
    here = settings(deployment(), good, at_google("one"), at_google("two"))
    said = await said_of(here, deployments=2)
    no = "there is no Google Cloud Storage bucket 'nobody-made-it'"
    assert said == [
        (f"deployment '{name}' (vertex_ai at {good.api_base})", "gs://nobody-made-it", no)
        for name in ("one", "two")
    ]


async def test_a_bucket_that_hangs_holds_up_no_worker(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", unused_tcp_port)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{unused_tcp_port}")
    async with asyncio.timeout(60), trying_buckets(settings(at_google("one"))):
        pass
    server.close()
