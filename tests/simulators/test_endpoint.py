"""The simulated endpoint, asked by an HTTP client that knows nothing of it."""

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from simulators.answers import identity_of
from simulators.endpoint import EndpointSimulator
from simulators.faults import Fault, FaultKind

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hello there"}]}'


@pytest.fixture
async def endpoint() -> AsyncIterator[EndpointSimulator]:
    async with EndpointSimulator() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_the_same_request_gets_the_same_answer(
    endpoint: EndpointSimulator, http: aiohttp.ClientSession
) -> None:
    answers = []
    for _ in range(2):
        async with http.post(f"{endpoint.base_url}/chat/completions", data=CHAT) as response:
            answers.append(await response.json())
    assert answers[0] == answers[1]
    assert answers[0]["choices"][0]["message"]["content"].endswith("hello there")
    assert answers[0]["usage"]["prompt_tokens"] == 2


async def test_it_tells_what_it_has_seen(endpoint: EndpointSimulator, http: aiohttp.ClientSession) -> None:
    for _ in range(3):
        async with http.post(f"{endpoint.base_url}/chat/completions", data=CHAT) as response:
            await response.read()
    async with http.get(endpoint.base_url.replace("/v1", "/_seen")) as response:
        seen = await response.json()
    assert seen["requests"] == {identity_of(CHAT): 3}
    assert seen["most_in_flight"] == 1


async def test_faults_are_set_and_ended_over_http(
    endpoint: EndpointSimulator, http: aiohttp.ClientSession
) -> None:
    control = endpoint.base_url.replace("/v1", "/_faults")
    statuses = []
    for fault in ({"kind": "status", "status": 503, "times": 1}, {}, {"key": "sk-1"}):
        async with http.post(control, json=fault) as response:
            assert response.status == 200
        async with http.post(f"{endpoint.base_url}/chat/completions", data=CHAT) as response:
            statuses.append(response.status)
    assert statuses == [503, 200, 401]


async def test_a_fault_nobody_knows_is_refused(
    endpoint: EndpointSimulator, http: aiohttp.ClientSession
) -> None:
    control = endpoint.base_url.replace("/v1", "/_faults")
    async with http.post(control, json={"kind": "explode"}) as response:
        assert response.status == 400


async def test_it_refuses_connections_while_it_is_down_and_keeps_its_port(
    endpoint: EndpointSimulator, http: aiohttp.ClientSession
) -> None:
    url = f"{endpoint.base_url}/models"
    await endpoint.go_down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await http.get(url)
    await endpoint.come_up()
    async with http.get(url) as response:
        assert (await response.json())["data"][0]["id"] == "simulated"


async def test_a_connection_can_be_dropped_in_the_middle(
    endpoint: EndpointSimulator, http: aiohttp.ClientSession
) -> None:
    endpoint.faults.set(Fault(kind=FaultKind.DROP_MIDWAY))
    async with http.post(f"{endpoint.base_url}/chat/completions", data=CHAT) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_it_can_be_started_as_a_program(http: aiohttp.ClientSession) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.endpoint", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        base_url = (await process.stdout.readline()).decode().split()[-1]
        async with http.post(f"{base_url}/chat/completions", data=CHAT) as response:
            assert response.status == 200
    finally:
        process.terminate()
        await process.wait()
