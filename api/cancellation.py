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
    if batch.status.ended:
        return _if_cancelled(batch)
    if not await gateway.runs.cancel(batch_id):
        # Its workflow has ended. Most often the row says so by now; if not, the reconciler will settle it.
        batch = await _read(batch_id, gateway)
        if batch.status.ended:
            return _if_cancelled(batch)
    await gateway.catalog.request_cancel(batch_id, at=gateway.clock())
    return await _read(batch_id, gateway)


async def _read(batch_id: str, gateway: Gateway) -> Batch:
    return await gateway.catalog.batch(batch_id, project=DEFAULT_PROJECT)


def _if_cancelled(batch: Batch) -> Batch:
    if batch.status is not BatchStatus.CANCELLED:
        raise BatchAlreadyEnded(batch.status.value)
    return batch
