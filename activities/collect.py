"""The step before the last: sealed shards, one after the other, become the batch's files and its receipt."""

from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio import activity

from activities.files import batch_file
from activities.heartbeat import heartbeating
from activities.over import over_if_gone
from activities.payloads import Collected, CollectOrder
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.domain import ids, layout
from overnight.domain.file import BatchFileKind
from overnight.storage.abreast import abreast
from overnight.storage.protocol import Storage


class Collect:
    """Makes the files a batch ends with. Their ids come from the batch's, so a repeat makes no others."""

    def __init__(self, *, catalog: Catalog, storage: Storage) -> None:
        self._catalog = catalog
        self._storage = storage

    @activity.defn(name="collect")
    async def collect(self, order: CollectOrder) -> Collected:
        """Write the output and the error file, the receipt, and their rows.

        Raises BatchOver when they were delivered.
        """
        outputs = [shard.attempt if shard.output else None for shard in order.shards]
        errors = [shard.attempt if shard.error else None for shard in order.shards]
        async with (
            heartbeating(),
            over_if_gone(self._catalog, order.batch_id),
            telling_why(self._catalog, order.batch_id, step="collect"),
        ):
            return Collected(
                output_file_id=await self._results(order, kind=BatchFileKind.OUTPUT, attempts=outputs),
                error_file_id=await self._results(order, kind=BatchFileKind.ERROR, attempts=errors),
                receipt_file_id=await self._receipt(order),
            )

    @activity.defn(name="tidy")
    async def tidy(self, batch_id: str) -> None:
        """Remove what the batch needed only while it ran."""
        async with heartbeating():
            prefix = layout.work_prefix(batch_id)
            await abreast((found.key async for found in self._storage.list(prefix)), self._storage.delete)

    async def _results(
        self, order: CollectOrder, *, kind: BatchFileKind, attempts: list[str | None]
    ) -> str | None:
        keys = [
            layout.sealed_key(order.batch_id, shard, attempt=attempt, kind=kind)
            for shard, attempt in enumerate(attempts)
            if attempt is not None
        ]
        return await self._file(order, kind, keys, expires_after=order.output_expires_after) if keys else None

    async def _receipt(self, order: CollectOrder) -> str | None:
        attempts = [shard.charged_by for shard in order.shards]
        keys = [
            layout.receipt_key(order.batch_id, shard, attempt=attempt, charged=True)
            for shard, attempt in enumerate(attempts)
            if attempt is not None
        ]
        # A receipt that lacks lines would be none.
        whole = len(keys) == len(attempts)
        return await self._file(order, BatchFileKind.RECEIPT, keys) if whole else None

    async def _file(
        self,
        order: CollectOrder,
        kind: BatchFileKind,
        keys: list[str],
        *,
        expires_after: timedelta | None = None,
    ) -> str:
        file_id = ids.output_file_id(order.batch_id, kind)
        stored = await self._storage.put(layout.file_key(file_id), self._one_after_the_other(keys))
        file = batch_file(
            order.batch_id, kind, stored=stored, project=order.project, expires_after=expires_after
        )
        await self._catalog.add_file(file)
        return file_id

    async def _one_after_the_other(self, keys: list[str]) -> AsyncIterator[bytes]:
        for key in keys:
            async for block in self._storage.get(key):
                yield block
