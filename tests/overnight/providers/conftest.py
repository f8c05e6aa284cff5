"""The desks of all providers, and of one that is waited for less."""

from collections.abc import AsyncIterator

import pytest

from tests.overnight.providers.desks import IMPATIENT, KINDS, OPENAI_SHAPED, Desk, opened


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Each provider in turn."""
    async with opened(request.param) as desk:
        yield desk


@pytest.fixture(params=KINDS)
async def hasty_desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Each provider in turn, waited for only a moment."""
    async with opened(request.param, patience=IMPATIENT) as desk:
        yield desk


@pytest.fixture(params=OPENAI_SHAPED)
async def openai_desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Each provider that takes OpenAI's lines and gives its files back."""
    async with opened(request.param) as desk:
        yield desk
