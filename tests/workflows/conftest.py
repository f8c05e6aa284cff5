"""Telling stories to the real workflows on the time-skipping server."""

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows.stage import Stage


@pytest.fixture
def stage(time_skipping: WorkflowEnvironment) -> Stage:
    """The stage, on the session's time-skipping server."""
    return Stage(time_skipping)
