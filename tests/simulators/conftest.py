"""A simulated OpenAI and a simulated Azure, each with the real SDK. Their time stands still."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from simulators.azure import AzureShapes
from simulators.native.server import NativeSimulator
from simulators.openai import OpenAIShapes
from tests.simulators.rehearsing import Rehearsal


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
