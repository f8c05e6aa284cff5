"""The house that activities are tested in."""

import pytest

from overnight.catalog import Catalog
from overnight.storage.memory import MemoryStorage
from tests.activities.house import House


@pytest.fixture
def house(catalog: Catalog) -> House:
    return House(catalog, MemoryStorage())
