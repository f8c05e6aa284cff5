"""The house that activities are tested in, and the shop of those that deal with providers."""

from collections.abc import AsyncIterator

import pytest

from overnight.catalog import Catalog
from overnight.providers import Providers
from overnight.storage.memory import MemoryStorage
from tests.activities.house import House
from tests.activities.shop import Shop
from tests.overnight.providers.desks import KINDS, OPENAI, OPENAI_SHAPED, opened


@pytest.fixture
def house(catalog: Catalog) -> House:
    return House(catalog, MemoryStorage())


@pytest.fixture
async def shop(house: House) -> AsyncIterator[Shop]:
    """One at OpenAI."""
    async with opened(OPENAI) as desk:
        providers = Providers()
        yield Shop(house, desk, providers)
        await providers.close()


@pytest.fixture(params=KINDS)
async def any_shop(house: House, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """One at each provider in turn."""
    async with opened(request.param) as desk:
        providers = Providers()
        yield Shop(house, desk, providers)
        await providers.close()


@pytest.fixture(params=OPENAI_SHAPED)
async def openai_shop(house: House, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """One at each provider that takes OpenAI's lines and gives its files back."""
    async with opened(request.param) as desk:
        providers = Providers()
        yield Shop(house, desk, providers)
        await providers.close()
