"""The line lane's step that needs an endpoint: send one chunk of lines."""

import asyncio

from temporalio import activity

from activities.attempt import attempt_name
from activities.budget import Budget
from activities.failures import handed_back, is_worker_stopping
from activities.heartbeat import heartbeating
from activities.payloads import ChunkDone, ChunkOrder
from activities.plans import read_plan
from activities.progress import ProgressReports
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import layout
from overnight.domain.errors import CatalogUnavailable
from overnight.line_lane import ChunkTask, LineLane, run_chunk
from overnight.storage.protocol import Storage


class Lines:
    """Runs chunks on the deployments of this worker's own settings; no key or address comes with an order."""

    def __init__(self, *, settings: Settings, catalog: Catalog, storage: Storage, lane: LineLane) -> None:
        self._settings = settings
        self._catalog = catalog
        self._storage = storage
        self._lane = lane

    @activity.defn(name="send_chunk")
    async def send_chunk(self, order: ChunkOrder) -> ChunkDone:
        """Send the chunk's unanswered lines; what was answered before is in its checkpoints.

        When the batch is being stopped it returns what it has. When the worker is, it begins no other line,
        and those in flight may end within the worker's grace; then it raises, so that another worker goes on
        at once. Raises CatalogUnavailable when a batch with a `max_cost` costs nobody can see how much.
        """
        deployment = self._settings.deployment(order.deployment)
        plan = await read_plan(self._storage, self._catalog, batch_id=order.batch_id, shard=order.shard)
        task = ChunkTask(
            batch_id=order.batch_id,
            input_key=layout.file_key(order.input_file_id),
            endpoint=order.endpoint,
            shard=order.shard,
            number=order.chunk,
            chunk=plan.chunks[order.chunk],
            attempt=attempt_name(),
        )
        reports = ProgressReports(self._catalog, task, max_cost=order.max_cost)
        budget = Budget(self._catalog, order)
        async with heartbeating(reports.summary), reports.writing(), budget.watched():
            try:
                await run_chunk(
                    self._lane,
                    self._storage,
                    task=task,
                    deployment=deployment.serving(order.default_model),
                    report=reports.take,
                    price_of=budget.price_of(deployment, order.model),
                    enough=lambda cost: (
                        activity.is_worker_shutdown()
                        or budget.used_up(cost)
                        or budget.out_of_sight(unreported=reports.behind)
                    ),
                )
            except asyncio.CancelledError:
                if not _stopped_by_workflow():
                    raise
        counts, cost = reports.latest.counts, reports.latest.cost
        used_up, whole = budget.used_up(cost), counts.done == counts.total
        if is_worker_stopping() and not whole and not used_up:
            raise handed_back()
        if order.max_cost is not None and not used_up and not _stopped_by_workflow():
            _see_that_the_cost_is_seen(lost=budget.lost and not whole, reported=not reports.behind)
        return ChunkDone(
            total=counts.total,
            completed=counts.completed,
            failed=counts.failed,
            over_budget=used_up and not whole,
        )


def _see_that_the_cost_is_seen(*, lost: bool, reported: bool) -> None:
    """Have the chunk tried again until the catalog is back; what it has is in its checkpoints."""
    if lost or not reported:
        raise CatalogUnavailable("nobody can see what the batch costs, so none of its lines is sent")


def _stopped_by_workflow() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested
