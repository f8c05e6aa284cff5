"""Telling stories to the real workflows on the time-skipping server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import skipping_time
from tests.workflows.stage import Stage
from tests.workflows.theatre import Theatre


class SharedServer:
    """A time-skipping server for many tests, and another one once it stands still."""

    def __init__(self) -> None:
        self._running = AsyncExitStack()
        self._environment: WorkflowEnvironment | None = None

    async def environment(self) -> WorkflowEnvironment:
        """Return the one that runs; start it if there is none."""
        if self._environment is None:
            self._environment = await self._running.enter_async_context(skipping_time())
        return self._environment

    async def stop(self) -> None:
        """Stop it. Whoever wants one then gets another."""
        self._environment = None
        await self._running.aclose()


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[SharedServer]:
    """The server that most stories are played on, since starting one takes a while."""
    server = SharedServer()
    yield server
    await server.stop()


@pytest.fixture
async def stage(time_skipping: SharedServer) -> AsyncIterator[Stage]:
    """The stage, on the session's time-skipping server."""
    stage = Stage(await time_skipping.environment())
    yield stage
    if stage.stands_still:
        await time_skipping.stop()


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    """A stage with a provider, on a server of its own."""
    # The keeper of places outlives a story, and nobody attends to it then.
    async with skipping_time() as environment:
        yield Theatre(Stage(environment))
