"""The first step: read the input once, check every line, cut it into shards.

Repeating it writes the same objects again. It starts from the beginning after a crash: it runs at the
speed of the disk, and what it has read so far is worth less than the state it would take to keep it.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from temporalio import activity

from activities.estimating import estimated_for, over_budget
from activities.files import batch_file
from activities.heartbeat import heartbeating
from activities.inspection import inspected, scratch_folder, unable
from activities.payloads import Manifest, Route
from activities.waiting import telling_why
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import ids, layout
from overnight.domain.batch import BatchError, BatchOrder
from overnight.domain.deployment import Deployment
from overnight.domain.errors import ObjectNotFound, UnknownFile
from overnight.domain.estimate import Demand
from overnight.domain.file import BatchFileKind, File
from overnight.jsonl import Inspection, encode_plan, encode_problem
from overnight.providers import endpoints_of
from overnight.storage.protocol import Storage

MAX_SHARDS = 2_000
"""A workflow can hold about this many children's events in its history; it makes 100 million lines."""


class Ingest:
    """Turns an input file into a manifest and the plans of its shards."""

    def __init__(self, *, settings: Settings, catalog: Catalog, storage: Storage) -> None:
        self._settings = settings
        self._catalog = catalog
        self._storage = storage

    @activity.defn(name="ingest")
    async def ingest(self, order: BatchOrder) -> Manifest:
        """Check the batch's input; whatever is wrong with it is in the manifest, not raised."""
        async with heartbeating(), telling_why(self._catalog, order.batch_id, step="ingest"):
            return await self._ingest(order)

    async def _ingest(self, order: BatchOrder) -> Manifest:
        try:
            # A client may delete its input once the batch is made; what counts is what was there then.
            file = await self._catalog.file(order.input_file_id, project=order.project, now=order.created_at)
            with scratch_folder() as scratch:
                return await self._inspect(order, file, scratch)
        except (UnknownFile, ObjectNotFound):
            return await self._refuse(order, [encode_problem(_missing(order.input_file_id))], count=1)

    async def _inspect(self, order: BatchOrder, file: File, scratch: Path) -> Manifest:
        provider = order.provider or file.provider
        inspection, demand = await inspected(
            self._storage,
            file.key,
            settings=self._settings,
            endpoint=order.endpoint,
            provider=provider,
            scratch=scratch,
        )
        if inspection.problem_count:
            return await self._refuse(order, inspection.problems_jsonl(), count=inspection.problem_count)
        if len(inspection.shards) > MAX_SHARDS:
            return await self._refuse(order, [encode_problem(_too_large(inspection.lines))], count=1)
        model = inspection.model
        serving = self._settings.deployments_for(model, provider) if model else ()
        able = tuple(each for each in serving if order.endpoint in endpoints_of(each))
        if not able:
            return await self._refuse(order, [encode_problem(unable(order.endpoint, serving))], count=1)
        if too_dear := await self._too_dear(order, demand, able, model=model or ""):
            return await self._refuse(order, [encode_problem(too_dear)], count=1)
        manifest = await self._plan(order.batch_id, inspection, able)
        return replace(manifest, approximated_input=demand.input_tokens)

    async def _too_dear(
        self, order: BatchOrder, demand: Demand, deployments: Sequence[Deployment], *, model: str
    ) -> BatchError | None:
        if order.max_cost is None:
            return None
        estimated = await estimated_for(
            self._catalog, demand, deployments, model=model, project=order.project, at=order.created_at
        )
        return over_budget(estimated, max_cost=order.max_cost)

    async def _plan(
        self, batch_id: str, inspection: Inspection, deployments: tuple[Deployment, ...]
    ) -> Manifest:
        for shard, plan in enumerate(inspection.shards):
            await self._storage.put(layout.plan_key(batch_id, shard), _stream([encode_plan(plan)]))
        model, default = inspection.model, self._settings.default_model
        return Manifest(
            lines=inspection.lines,
            shards=tuple(len(plan.chunks) for plan in inspection.shards),
            model=model,
            default_model=model if model == default else None,
            provider=deployments[0].provider,
            routes=tuple(map(_route, deployments)),
        )

    async def _refuse(self, order: BatchOrder, problems: Iterable[bytes], *, count: int) -> Manifest:
        """Keep all problems as a file of the client's; the batch itself lists only the first of them."""
        kind = BatchFileKind.PROBLEMS
        key = layout.file_key(ids.output_file_id(order.batch_id, kind))
        stored = await self._storage.put(key, _stream(problems))
        await self._catalog.add_file(batch_file(order.batch_id, kind, stored=stored, project=order.project))
        return Manifest(problems=count)


def _route(deployment: Deployment) -> Route:
    return Route(deployment=deployment.id, provider=deployment.provider, lane=deployment.lane)


def _missing(file_id: str) -> BatchError:
    message = f"Cannot find file {file_id}, or this project does not have access to it."
    return BatchError(code="invalid_request", message=message, param="file_id")


def _too_large(lines: int) -> BatchError:
    message = (
        f"The file has {lines} requests, more than one batch can hold: it makes over {MAX_SHARDS} shards."
    )
    return BatchError(code="invalid_request", message=message, param="file_id")


async def _stream(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block
