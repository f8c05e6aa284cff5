"""Telling stories to the real workflows on the time-skipping server."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.conftest import skipping_time
from tests.workflows.stage import Stage
from tests.workflows.theatre import Theatre


@pytest.fixture
def stage(time_skipping: WorkflowEnvironment) -> Stage:
    """The stage, on the session's time-skipping server."""
    return Stage(time_skipping)


@pytest.fixture
async def theatre() -> AsyncIterator[Theatre]:
    """A stage with a provider, on a server of its own."""
    # The keeper of places outlives a story, and nobody attends to it then.
    async with skipping_time() as environment:
        yield Theatre(Stage(environment))
