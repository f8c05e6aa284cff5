"""The line lane's steps: send one chunk of lines, and seal a shard's checkpoints in input order."""

import asyncio
import secrets

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.payloads import ChunkOrder, SealedShard, SealOrder
from activities.progress import ProgressReports
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import layout
from overnight.domain.plan import ShardPlan
from overnight.domain.usage import Counts
from overnight.jsonl import decode_plan
from overnight.line_lane import ChunkTask, LineLane, SealTask, run_chunk, seal_shard
from overnight.storage.protocol import Storage


class Lines:
    """Runs chunks on the deployments of this worker's own settings; no key or address comes with an order."""

    def __init__(self, *, settings: Settings, catalog: Catalog, storage: Storage, lane: LineLane) -> None:
        self._settings = settings
        self._catalog = catalog
        self._storage = storage
        self._lane = lane

    @activity.defn(name="send_chunk")
    async def send_chunk(self, order: ChunkOrder) -> Counts:
        """Send the chunk's unanswered lines; what was answered before is in its checkpoints.

        When the batch is being stopped it returns what it has. When the worker is, it raises, so that
        another worker goes on at once.
        """
        plan = await self._plan(order.batch_id, order.shard)
        task = ChunkTask(
            batch_id=order.batch_id,
            input_key=layout.file_key(order.input_file_id),
            endpoint=order.endpoint,
            shard=order.shard,
            number=order.chunk,
            chunk=plan.chunks[order.chunk],
            attempt=_attempt(),
        )
        reports = ProgressReports(self._catalog, task)
        async with heartbeating(reports.summary), reports.writing():
            try:
                await run_chunk(
                    self._lane,
                    self._storage,
                    task=task,
                    deployment=self._settings.deployment(order.deployment),
                    report=reports.take,
                )
            except asyncio.CancelledError:
                if not _stopped_by_workflow():
                    raise
        return reports.latest.counts

    @activity.defn(name="seal_shard")
    async def seal_shard(self, order: SealOrder) -> SealedShard:
        """Put every line's outcome in input order, whatever attempts and workers it came from."""
        attempt = _attempt()
        task = SealTask(
            batch_id=order.batch_id,
            input_key=layout.file_key(order.input_file_id),
            shard=order.shard,
            plan=await self._plan(order.batch_id, order.shard),
            attempt=attempt,
        )
        async with heartbeating():
            sealed = await seal_shard(self._storage, task=task, reason=order.reason)
        return SealedShard(
            attempt=attempt,
            output_bytes=sealed.output.size if sealed.output else 0,
            error_bytes=sealed.errors.size if sealed.errors else 0,
            counts=sealed.counts,
            usage=sealed.usage,
            model=sealed.model,
        )

    async def _plan(self, batch_id: str, shard: int) -> ShardPlan:
        stored = self._storage.get(layout.plan_key(batch_id, shard))
        return decode_plan(b"".join([block async for block in stored]))


def _attempt() -> str:
    # Temporal numbers attempts from 1 again after a Reset, so the number alone would name two of them.
    return f"{activity.info().attempt:04d}-{secrets.token_hex(4)}"


def _stopped_by_workflow() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested
