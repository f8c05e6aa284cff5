"""The first step: read the input once, check every line, cut it into shards.

Repeating it writes the same objects again. It starts from the beginning after a crash: it runs at the
speed of the disk, and what it has read so far is worth less than the state it would take to keep it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from temporalio import activity

from activities.files import PROBLEMS, batch_file
from activities.heartbeat import heartbeating
from activities.payloads import Manifest
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import ids, layout
from overnight.domain.batch import BatchError, BatchOrder
from overnight.domain.deployment import DeclaredPrice
from overnight.domain.errors import ObjectNotFound, UnknownFile
from overnight.domain.file import File
from overnight.jsonl import Inspection, Inspector, encode_plan, encode_problem
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
        try:
            # A client may delete its input once the batch is made; what counts is what was there then.
            file = await self._catalog.file(order.input_file_id, project=order.project, now=order.created_at)
            with tempfile.TemporaryDirectory(prefix="overnight-ingest-") as scratch:
                async with heartbeating():
                    return await self._inspect(order, file, Path(scratch))
        except (UnknownFile, ObjectNotFound):
            return await self._refuse(order, [encode_problem(_missing(order.input_file_id))], count=1)

    async def _inspect(self, order: BatchOrder, file: File, scratch: Path) -> Manifest:
        inspector = Inspector(
            endpoint=order.endpoint,
            knows_model=lambda model: bool(self._settings.deployments_for(model)),
            default_model=self._settings.default_model,
            scratch=scratch,
        )
        async for block in self._storage.get(file.key):
            await asyncio.to_thread(inspector.feed, block)
        inspection = await asyncio.to_thread(inspector.finish)
        if inspection.problem_count:
            return await self._refuse(order, inspection.problems_jsonl(), count=inspection.problem_count)
        if len(inspection.shards) > MAX_SHARDS:
            return await self._refuse(order, [encode_problem(_too_large(inspection.lines))], count=1)
        return await self._plan(order.batch_id, inspection)

    async def _plan(self, batch_id: str, inspection: Inspection) -> Manifest:
        for shard, plan in enumerate(inspection.shards):
            await self._storage.put(layout.plan_key(batch_id, shard), _stream([encode_plan(plan)]))
        model = inspection.model
        deployments = self._settings.deployments_for(model) if model else ()
        return Manifest(
            lines=inspection.lines,
            shards=tuple(len(plan.chunks) for plan in inspection.shards),
            model=model,
            provider=deployments[0].provider if deployments else None,
            deployments=tuple(deployment.id for deployment in deployments),
            price=_quote(deployment.price for deployment in deployments),
        )

    async def _refuse(self, order: BatchOrder, problems: Iterable[bytes], *, count: int) -> Manifest:
        """Keep all problems as a file of the client's; the batch itself lists only the first of them."""
        file_id = ids.output_file_id(order.batch_id, PROBLEMS)
        stored = await self._storage.put(layout.file_key(file_id), _stream(problems))
        await self._catalog.add_file(
            batch_file(order.batch_id, PROBLEMS, stored=stored, project=order.project)
        )
        return Manifest(problems=count)


def _quote(prices: Iterable[DeclaredPrice | None]) -> DeclaredPrice | None:
    # Deployments that charge differently leave the price of the batch open until lines say who served them.
    different = set(prices)
    return different.pop() if len(different) == 1 else None


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
