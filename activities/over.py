"""A batch that has ended can't be gone on with: what it ran on is gone, and its files are its client's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from overnight.catalog import Catalog
from overnight.domain.errors import BatchOver, ObjectNotFound


@asynccontextmanager
async def over_if_gone(catalog: Catalog, batch_id: str) -> AsyncIterator[None]:
    """Raise BatchOver for an object that is missing because the batch has ended, as after a Reset of it.

    Missing objects of a batch that runs are still ObjectNotFound.
    """
    try:
        yield
    except ObjectNotFound:
        if (await catalog.batch(batch_id)).status.ended:
            raise BatchOver(batch_id) from None
        raise
