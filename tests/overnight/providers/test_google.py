"""Tokens of Google's, from a service account whose key is exchanged at the simulated Vertex AI."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from overnight.domain.errors import ProviderRefused, ProviderUnavailable
from overnight.providers.google import GoogleTokens
from simulators.vertex.server import VertexSimulator
from tests.overnight.providers.accounts import account

NAME = "deployment 'm'"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def google() -> AsyncIterator[VertexSimulator]:
    async with VertexSimulator(gcs=NOBODY, speed=0) as simulator:
        yield simulator


def issued(google: VertexSimulator) -> Any:
    return google.desk.tokens.parts()["issued"]


async def test_a_token_is_asked_for_once_and_kept(google: VertexSimulator) -> None:
    tokens = GoogleTokens(account(token_uri=google.token_uri), name=NAME)
    together = await asyncio.gather(*(tokens.token() for _ in range(5)))
    assert len({*together, await tokens.token()}) == 1
    assert issued(google) == 1


async def test_an_account_may_be_in_a_file(google: VertexSimulator, tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(account(token_uri=google.token_uri))
    assert await GoogleTokens(str(path), name=NAME).token()


async def test_one_that_is_about_to_end_is_replaced(google: VertexSimulator) -> None:
    google.desk.rules = google.desk.rules.changed({"token_said_seconds": 60})
    tokens = GoogleTokens(account(token_uri=google.token_uri), name=NAME)
    assert await tokens.token() != await tokens.token()


async def test_one_that_was_refused_is_replaced(google: VertexSimulator) -> None:
    tokens = GoogleTokens(account(token_uri=google.token_uri), name=NAME)
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


async def test_an_account_that_is_refused_at_first_is_refused(google: VertexSimulator) -> None:
    wrong = account(token_uri=google.token_uri + "/nowhere")
    with pytest.raises(ProviderRefused) as caught:
        await GoogleTokens(wrong, name=NAME).token()
    assert caught.value.code == "no_credentials"
