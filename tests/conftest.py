"""What many tests need: a catalog, Temporal servers, with time that skips and with real time, and buckets."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from overnight.catalog import Catalog, open_engine, upgrade
from tests.emulators.azure import AzureServer, azure_server
from tests.emulators.gcs import GcsServer, gcs_server
from tests.emulators.s3 import S3Server, s3_server
from tests.postgres import Postgres
from workflows import search_attributes
from workflows.plugin import OvernightPlugin


def pytest_configure() -> None:
    """Have what is started here hear of Ctrl-C, also if the tests themselves were started to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@asynccontextmanager
async def skipping_time() -> AsyncIterator[WorkflowEnvironment]:
    """Run a real time-skipping test server: a day passes in milliseconds while nothing runs.

    Its one clock stands still while any workflow is unattended.
    """
    server = Path(sys.executable).with_name("temporal-test-server")
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(server), plugins=[OvernightPlugin()]
    )
    async with environment:
        await search_attributes.register(environment.client)
        yield environment


@pytest.fixture(scope="session")
async def temporal() -> AsyncIterator[WorkflowEnvironment]:
    """The real server, in memory and in real time, for what the other one can't do."""
    server = Path(sys.executable).with_name("temporal")
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(server), dev_server_log_level="error", plugins=[OvernightPlugin()]
    )
    async with environment:
        await search_attributes.register(environment.client)
        yield environment


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    """An empty catalog in a SQLite file of its own."""
    url = f"sqlite+aiosqlite:///{tmp_path}/catalog.db"
    await asyncio.to_thread(upgrade, url)
    engine = open_engine(url)
    yield Catalog(engine)
    await engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL from a wheel, with a database `tables` to make others of: each test makes its own."""
    with Postgres() as server:
        server.query('CREATE DATABASE "tables"')
        with ThreadPoolExecutor(1) as thread:  # as a loop may run here
            thread.submit(upgrade, server.url("tables")).result()
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """S3, as moto serves it. Buckets are many and cheap: each test makes its own."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    """Google Cloud Storage, as gcp-storage-emulator serves it. Each test makes its own bucket."""
    with gcs_server(tmp_path_factory.mktemp("gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def azure_blob(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """Azure Blob, as Azurite serves it. Each test makes its own container."""
    with azure_server(tmp_path_factory.mktemp("azure")) as server:
        yield server
