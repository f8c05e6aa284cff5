"""A simulated OpenAI and Azure, each with the real SDK, and a Vertex AI. Their time stands still."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import httpx2
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from simulators.azure import AzureShapes
from simulators.native.server import NativeSimulator
from simulators.openai import OpenAIShapes
from simulators.vertex.emulator import Emulator
from simulators.vertex.server import VertexSimulator
from tests.simulators.rehearsing import Rehearsal
from tests.simulators.vertexing import BUCKET, VertexRehearsal


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def openai(http: aiohttp.ClientSession) -> AsyncIterator[Rehearsal]:
    async with (
        NativeSimulator(OpenAIShapes(), speed=0, control_port=0) as simulator,
        AsyncOpenAI(api_key="sk-1", base_url=simulator.base_url, max_retries=0) as client,
    ):
        yield Rehearsal(simulator, client, http)


@pytest.fixture
async def azure(http: aiohttp.ClientSession) -> AsyncIterator[Rehearsal]:
    """Azure, asked with an `api-version`."""
    async with (
        NativeSimulator(AzureShapes(), speed=0) as simulator,
        AsyncAzureOpenAI(
            api_key="key", azure_endpoint=simulator.origin, api_version="2024-10-21", max_retries=0
        ) as client,
    ):
        yield Rehearsal(simulator, client, http)


@pytest.fixture
async def azure_v1(http: aiohttp.ClientSession) -> AsyncIterator[Rehearsal]:
    """Azure under `/openai/v1`, as Microsoft says to use OpenAI's own client with it."""
    async with (
        NativeSimulator(AzureShapes(), speed=0) as simulator,
        AsyncOpenAI(api_key="key", base_url=simulator.base_url, max_retries=0) as client,
    ):
        yield Rehearsal(simulator, client, http)


@pytest.fixture(scope="session")
def gcs() -> Iterator[str]:
    """A Cloud Storage with a bucket, for all tests."""
    with Emulator(bucket=BUCKET) as emulator:
        yield emulator.url


@pytest.fixture
async def vertex(gcs: str) -> AsyncIterator[VertexRehearsal]:
    """Vertex AI, asked over plain HTTP."""
    async with (
        VertexSimulator(gcs=gcs, speed=0, control_port=0) as simulator,
        httpx2.AsyncClient(base_url=simulator.api_base, timeout=60) as client,
    ):
        yield VertexRehearsal(simulator, client, gcs)
