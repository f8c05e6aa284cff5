"""What many tests need: a catalog, a Temporal server that skips time, and one that does not."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from overnight.catalog import Catalog, open_engine, upgrade
from workflows import search_attributes
from workflows.plugin import OvernightPlugin


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """The real time-skipping test server: a day passes in milliseconds while nothing runs."""
    async with skipping_time() as environment:
        yield environment


@asynccontextmanager
async def skipping_time() -> AsyncIterator[WorkflowEnvironment]:
    """Run a time-skipping server: its one clock stands still while any workflow is unattended."""
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
