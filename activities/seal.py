"""The step after a shard's chunks: their checkpoints, put in input order."""

from temporalio import activity

from activities.attempt import attempt_name
from activities.heartbeat import heartbeating
from activities.payloads import SealedShard, SealOrder
from activities.plans import read_plan
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.domain import layout
from overnight.outcomes import SealTask, seal_shard
from overnight.storage.protocol import Storage


class Seal:
    """Rebuilds a shard from its checkpoints alone, in whatever way its chunks have ended."""

    def __init__(self, *, catalog: Catalog, storage: Storage) -> None:
        self._catalog = catalog
        self._storage = storage

    @activity.defn(name="seal_shard")
    async def seal_shard(self, order: SealOrder) -> SealedShard:
        """Put every line's outcome in input order, whatever attempts and workers it came from."""
        plan = await read_plan(self._storage, self._catalog, batch_id=order.batch_id, shard=order.shard)
        task = SealTask(
            batch_id=order.batch_id,
            input_key=layout.file_key(order.input_file_id),
            shard=order.shard,
            plan=plan,
            attempt=attempt_name(),
        )
        told = telling_why(self._catalog, order.batch_id, step=f"seal shard {order.shard}")
        async with heartbeating(), told:
            sealed = await seal_shard(self._storage, task=task, missing=order.missing)
        return SealedShard(
            attempt=task.attempt,
            output_bytes=sealed.output.size if sealed.output else 0,
            error_bytes=sealed.errors.size if sealed.errors else 0,
            counts=sealed.counts,
            usage=sealed.usage,
            model=sealed.model,
            receipted=True,
            served=sealed.served,
        )
