"""The workbench each test of the line lane gets."""

from collections.abc import AsyncIterator

import pytest

from overnight.line_lane.lane import LineLane
from overnight.storage.memory import MemoryStorage
from simulators.endpoint import EndpointSimulator
from tests.overnight.line_lane.workbench import IMPATIENT, Workbench


@pytest.fixture
async def bench() -> AsyncIterator[Workbench]:
    """One endpoint on loopback, one lane, one storage."""
    async with EndpointSimulator() as endpoint, LineLane(patience=IMPATIENT) as lane:
        yield Workbench(lane=lane, storage=MemoryStorage(), endpoint=endpoint)
