"""A shard's plan, read from storage by whatever works on the shard."""

from activities.over import over_if_gone
from overnight.catalog import Catalog
from overnight.domain import layout
from overnight.domain.plan import ShardPlan
from overnight.jsonl import decode_plan
from overnight.storage.protocol import Storage


async def read_plan(storage: Storage, catalog: Catalog, *, batch_id: str, shard: int) -> ShardPlan:
    """Return the plan that ingest wrote.

    Raises BatchOver when there is none any more, as after a Reset of a batch that had ended: nothing is
    left of it to go on from, and its files are there already.
    """
    stored = storage.get(layout.plan_key(batch_id, shard))
    async with over_if_gone(catalog, batch_id):
        return decode_plan(b"".join([block async for block in stored]))
