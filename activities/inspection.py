"""Reading an input from its first byte to its last, for whoever is to run it or to say what it may cost."""

import asyncio
import errno
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from overnight.config import Settings
from overnight.domain.batch import BatchError
from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import StorageFull, StorageUnavailable
from overnight.domain.estimate import Demand
from overnight.jsonl import Inspection, Inspector
from overnight.pricing import DemandMeter
from overnight.providers import endpoints_of
from overnight.storage.protocol import Storage


async def inspected(
    storage: Storage,
    key: str,
    *,
    settings: Settings,
    endpoint: Endpoint,
    provider: str | None,
    scratch: Path,
) -> tuple[Inspection, Demand]:
    """Return what the input under `key` is, and what it asks for. Raises StorageError and OSError."""
    meter = DemandMeter(endpoint)
    inspector = Inspector(
        endpoint=endpoint,
        knows_model=lambda model: bool(settings.deployments_for(model, provider)),
        why_unknown=lambda model: settings.why_none_for(model, provider),
        default_model=settings.default_model,
        scratch=scratch,
        look=meter.look,
    )
    async for block in storage.get(key):
        await asyncio.to_thread(inspector.feed, block)
    inspection = await asyncio.to_thread(inspector.finish)
    return inspection, meter.demand(inspection.lines)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give the block a folder on the local disk to sort in. Raises StorageFull when that has no room left."""
    try:
        with tempfile.TemporaryDirectory(prefix="overnight-ingest-") as folder:
            yield Path(folder)
    except OSError as error:
        # Storage and catalog raise errors of our own, so this one is the folder's.
        reason = error.strerror or type(error).__name__
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"no room to check the input on the local disk: {reason}", key="scratch"
            ) from error
        raise StorageUnavailable(f"the local disk can't be used: {reason}", key="scratch") from error


def unable(endpoint: Endpoint, serving: Sequence[Deployment]) -> BatchError:
    """Say that none of a model's deployments runs batches for an endpoint."""
    able = {each.provider: ", ".join(sorted(endpoints_of(each))) for each in serving}
    instead = "; ".join(f"{provider} runs them for {endpoints}" for provider, endpoints in able.items())
    message = f"No deployment of this model runs batches for {endpoint.value}: {instead}."
    return BatchError(code="invalid_request", message=message, param="endpoint")
