"""A provider that hangs: who still asks it, who is told at once, and when it is asked by all again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from aiohttp import web

from overnight.domain.deployment import Deployment
from overnight.domain.errors import ProviderUnavailable
from overnight.providers.connection import Patience
from overnight.providers.openai import OpenAIProvider
from overnight.providers.silence import Silence
from tests.overnight.providers.scripted import Scripted, scripted

MOST = 3
PATIENCE = timedelta(seconds=15)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silence(clock: Clock) -> Silence:
    return Silence("the provider", most=MOST, patience=PATIENCE, clock=clock)


def test_any_number_may_ask_one_that_has_just_answered(silence: Silence, clock: Clock) -> None:
    with ExitStack() as asked:
        for _ in range(MOST * 3):
            asked.enter_context(silence.waiting())
            clock.now += 10
            silence.heard()


def test_one_that_nobody_has_asked_for_long_is_not_silent(silence: Silence, clock: Clock) -> None:
    with silence.waiting():
        silence.heard()
    clock.now += 3_600
    with ExitStack() as asked:
        for _ in range(MOST * 3):
            asked.enter_context(silence.waiting())


def test_one_that_lets_many_wait_is_asked_by_nobody_else_until_it_answers(
    silence: Silence, clock: Clock
) -> None:
    with ExitStack() as asked:
        for _ in range(MOST):
            asked.enter_context(silence.waiting())
        clock.now += 16
        with pytest.raises(ProviderUnavailable, match="does not answer"), silence.waiting():
            pytest.fail("it was asked")
        silence.heard()
        with silence.waiting():
            pass


def test_few_may_wait_for_as_long_as_it_takes(silence: Silence, clock: Clock) -> None:
    with ExitStack() as asked:
        for _ in range(MOST):
            clock.now += 3_600
            asked.enter_context(silence.waiting())


def test_whoever_gives_up_makes_room_for_another(silence: Silence, clock: Clock) -> None:
    with ExitStack() as asked:
        for _ in range(MOST - 1):
            asked.enter_context(silence.waiting())
        gave_up = asked.enter_context(ExitStack())
        gave_up.enter_context(silence.waiting())
        clock.now += 90
        with pytest.raises(ProviderUnavailable):
            asked.enter_context(silence.waiting())
        gave_up.close()
        asked.enter_context(silence.waiting())


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


async def test_a_host_that_hangs_holds_few_calls_and_is_asked_again_once_it_answers(script: Scripted) -> None:
    go_on = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await go_on.wait()
        return web.json_response({"id": "b", "status": "in_progress"})

    script.answers("GET /v1/batches/b", hang)
    deployment = Deployment(
        id="dep", model_name="gpt", provider="openai", model="gpt", api_base=f"{script.url}/v1"
    )
    provider = OpenAIProvider(deployment, patience=Patience(silence=timedelta(0), waiting=MOST))
    polls = [asyncio.create_task(provider.poll("b")) for _ in range(MOST)]
    async with asyncio.timeout(60):
        while len(script.asked) < MOST:  # noqa: ASYNC110 - the server is another's
            await asyncio.sleep(0.01)

    with pytest.raises(ProviderUnavailable, match="does not answer"):
        await provider.poll("b")
    assert len(script.asked) == MOST

    go_on.set()
    await asyncio.gather(*polls)
    assert (await provider.poll("b")).id == "b"
    await provider.close()
