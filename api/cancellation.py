"""Cancelling a batch: a signal to its workflow, which holds even when no worker is up."""

from api.gateway import DEFAULT_PROJECT, Gateway
from overnight.domain.batch import Batch
from overnight.domain.errors import BatchAlreadyEnded
from overnight.domain.status import BatchStatus


async def cancel_batch(batch_id: str, gateway: Gateway) -> Batch:
    """Ask for a batch to be cancelled and return it as it is then; asking again changes nothing.

    Raises UnknownBatch, and BatchAlreadyEnded when it ended in any other way.
    """
    batch = await _read(batch_id, gateway)
    if not batch.status.ended:
        # A workflow that has ended leaves it to the row, and one without a workflow to the reconciler.
        await gateway.runs.cancel(batch_id)
        await gateway.catalog.request_cancel(batch_id, at=gateway.clock())
        # It may have ended meanwhile. Its row is written before its workflow closes, so that decides.
        batch = await _read(batch_id, gateway)
    if batch.status.ended and batch.status is not BatchStatus.CANCELLED:
        raise BatchAlreadyEnded(batch.status.value)
    return batch


async def _read(batch_id: str, gateway: Gateway) -> Batch:
    return await gateway.catalog.batch(batch_id, project=DEFAULT_PROJECT)
