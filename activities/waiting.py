"""Why a step is held up, for whoever looks at the batch; the attempts themselves only Temporal's UI shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from overnight.catalog import Catalog
from overnight.domain.errors import CatalogUnavailable, OvernightError, StorageError

_log = structlog.stdlib.get_logger(__name__)


@asynccontextmanager
async def telling_why(catalog: Catalog, batch_id: str, *, step: str) -> AsyncIterator[None]:
    """Have the batch say what the block waits for when storage stops it, until the same step gets through."""
    try:
        yield
    except StorageError as error:
        await _note(catalog, batch_id, step=step, reason=error.reason)
        raise
    except OvernightError:
        # Something else is in the way, and says so elsewhere.
        await _note(catalog, batch_id, step=step, reason=None)
        raise
    await _note(catalog, batch_id, step=step, reason=None)


async def _note(catalog: Catalog, batch_id: str, *, step: str, reason: str | None) -> None:
    try:
        await catalog.note_wait(batch_id, step=step, reason=reason)
    except CatalogUnavailable as error:
        # It is only the picture, and where there is no room there may be none for a row either.
        _log.warning("wait not written", batch_id=batch_id, step=step, reason=error.message)
