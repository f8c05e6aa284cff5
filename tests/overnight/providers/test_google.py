"""Tokens of Google's, from a service account whose key is exchanged at the simulated Vertex AI."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.auth import compute_engine

from overnight.domain.errors import ProviderRefused, ProviderUnavailable
from overnight.providers import google
from overnight.providers.google import GoogleTokens
from simulators.vertex.server import VertexSimulator
from tests.emulators.google_accounts import account

NAME = "deployment 'm'"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def simulated() -> AsyncIterator[VertexSimulator]:
    async with VertexSimulator(gcs=NOBODY, speed=0) as simulator:
        yield simulator


def issued(simulated: VertexSimulator) -> Any:
    return simulated.desk.tokens.parts()["issued"]


async def test_a_token_is_asked_for_once_and_kept(simulated: VertexSimulator) -> None:
    tokens = GoogleTokens(account(token_uri=simulated.token_uri), name=NAME)
    together = await asyncio.gather(*(tokens.token() for _ in range(5)))
    assert len({*together, await tokens.token()}) == 1
    assert issued(simulated) == 1


async def test_an_account_may_be_in_a_file(simulated: VertexSimulator, tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(account(token_uri=simulated.token_uri))
    assert await GoogleTokens(str(path), name=NAME).token()


async def test_one_that_is_about_to_end_is_replaced(simulated: VertexSimulator) -> None:
    simulated.desk.rules = simulated.desk.rules.changed({"token_said_seconds": 60})
    tokens = GoogleTokens(account(token_uri=simulated.token_uri), name=NAME)
    assert await tokens.token() != await tokens.token()


async def test_one_that_was_refused_is_replaced(simulated: VertexSimulator) -> None:
    tokens = GoogleTokens(account(token_uri=simulated.token_uri), name=NAME)
    first = await tokens.token()
    tokens.forget()
    assert await tokens.token() != first


@pytest.mark.parametrize("given", ["/no/such/file.json", "{}", "{no json", '{"type": "magic"}'])
async def test_without_credentials_there_is_no_token_and_nothing_is_quoted(given: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        await GoogleTokens(given, name=NAME).token()
    assert caught.value.code == "no_credentials"
    assert caught.value.message.startswith(NAME)
    assert "magic" not in caught.value.message
    assert "/no/such" not in caught.value.message


async def test_google_that_can_t_be_reached_is_asked_later() -> None:
    with pytest.raises(ProviderUnavailable):
        await GoogleTokens(account(token_uri=f"{NOBODY}/token"), name=NAME).token()


async def test_an_account_that_is_refused_at_first_is_refused(simulated: VertexSimulator) -> None:
    wrong = account(token_uri=simulated.token_uri + "/nowhere")
    with pytest.raises(ProviderRefused) as caught:
        await GoogleTokens(wrong, name=NAME).token()
    assert caught.value.code == "no_credentials"


async def test_a_metadata_server_that_is_down_is_asked_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth calls that a refusal, and not retryable."""
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    monkeypatch.setattr(google, "load_credentials", lambda *_, **__: compute_engine.Credentials())
    with pytest.raises(ProviderUnavailable):
        await GoogleTokens(None, name=NAME).token()


async def test_a_machine_whose_account_is_not_found_is_asked_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file.json")
    with pytest.raises(ProviderUnavailable, match="finds no credentials"):
        await GoogleTokens(None, name=NAME).token()


async def test_a_token_that_is_forgotten_while_it_is_asked_for_is_given_all_the_same(
    simulated: VertexSimulator,
) -> None:
    tokens = GoogleTokens(account(token_uri=simulated.token_uri), name=NAME)
    await tokens.token()
    asked = [asyncio.create_task(tokens.token()) for _ in range(3)]
    simulated.desk.rules = simulated.desk.rules.changed({"token_said_seconds": 60})
    tokens.forget()
    await asyncio.sleep(0)
    tokens.forget()
    assert all(await asyncio.gather(*asked))
