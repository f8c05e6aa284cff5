"""What Temporal remembers of batches that the catalog does not: its rows were restored from a backup.

A batch's order is what its workflow was started with, its picture what it last had written, and its files are
in storage under keys that come from its id.
"""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import TypeVar

import structlog
from temporalio.api.common.v1 import Payloads
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.files import batch_file
from activities.payloads import Record
from overnight.catalog import Catalog
from overnight.domain import ids
from overnight.domain.batch import BatchOrder
from overnight.domain.errors import ObjectNotFound
from overnight.domain.file import BatchFileKind, File, FilePurpose, lifetime_of
from overnight.domain.layout import file_key
from overnight.domain.status import BatchStatus
from overnight.storage.protocol import Storage, StoredObject

ALL_BATCHES = "WorkflowType = 'Batch'"
BATCHES_THAT_RUN = f"{ALL_BATCHES} AND ExecutionStatus = 'Running'"
"""As Temporal's visibility is asked for them."""

RECORD = "record"
"""The step by which a batch has its picture written (`activities.bookkeeping`)."""

_A_QUERY = 500

_T = TypeVar("_T")

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a batch was to do, and its last picture; None while there is none."""

    order: BatchOrder
    last: Record | None = None


async def remembered(client: Client, batch_id: str) -> Remembered | None:
    """Return what Temporal remembers of a batch, None where it knows of none of that id (any more).

    Raises RPCError.
    """
    order: Payloads | None = None
    last: Payloads | None = None
    try:
        async for event in client.get_workflow_handle(batch_id).fetch_history_events():
            started = event.workflow_execution_started_event_attributes
            scheduled = event.activity_task_scheduled_event_attributes
            if event.HasField("workflow_execution_started_event_attributes"):
                order = started.input
            elif scheduled.activity_type.name == RECORD:
                last = scheduled.input
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if order is None:
        return None
    try:
        return Remembered(
            order=await _decoded(client, order, BatchOrder),
            last=None if last is None else await _decoded(client, last, Record),
        )
    except (RuntimeError, TypeError, ValueError) as error:
        # Of another version, or no batch at all.
        _log.warning("batch not read from Temporal", batch_id=batch_id, reason=type(error).__name__)
        return None


async def _decoded(client: Client, payloads: Payloads, kind: type[_T]) -> _T:
    decoded: list[_T] = await client.data_converter.decode(payloads.payloads, [kind])
    return decoded[0]


class Recalling:
    """Puts rows back. Repeated, it does no harm: what is there already stays."""

    def __init__(self, *, client: Client, catalog: Catalog, storage: Storage) -> None:
        self._client = client
        self._catalog = catalog
        self._storage = storage

    async def put_back(self, batch_id: str) -> Remembered | None:
        """Put back the rows of a batch, as when it was created, and of its files; return what is known of it.

        What it has come to is left to whoever writes pictures. None if Temporal knows nothing of it.
        """
        known = await remembered(self._client, batch_id)
        if known is None:
            return None
        await self._catalog.add_batch(known.order)
        for file in await self._files(known.order):
            await self._catalog.add_file(file)
        status = known.last.change.status if known.last else BatchStatus.VALIDATING
        _log.warning("batch read from what Temporal remembers", batch_id=batch_id, status=status.value)
        return known

    async def unknown(self, query: str) -> AsyncIterator[str]:
        """Yield the ids of batches that Temporal finds by the query, and of which the catalog has no row."""
        some: list[str] = []
        async for execution in self._client.list_workflows(query):
            some.append(execution.id)
            if len(some) == _A_QUERY:
                for batch_id in await self._unknown(some):
                    yield batch_id
                some = []
        for batch_id in await self._unknown(some):
            yield batch_id

    async def _unknown(self, batch_ids: Collection[str]) -> list[str]:
        return sorted(await self._catalog.unknown_batches(batch_ids)) if batch_ids else []

    async def _files(self, order: BatchOrder) -> list[File]:
        """Return rows that are missing of files that are there: what the batch reads, and what it made."""
        made = {ids.output_file_id(order.batch_id, kind): kind for kind in BatchFileKind}
        missing = await self._catalog.unknown_files({order.input_file_id, *made})
        sizes = {file_id: await self._size(file_id) for file_id in sorted(missing)}
        return [
            _row(order, file_id, made.get(file_id), size=size)
            for file_id, size in sizes.items()
            if size is not None
        ]

    async def _size(self, file_id: str) -> int | None:
        try:
            return await self._storage.size(file_key(file_id))
        except ObjectNotFound:
            return None


def _row(order: BatchOrder, file_id: str, kind: BatchFileKind | None, *, size: int) -> File:
    """Return the row of a file that the batch has made, or, without a kind, of the one that it reads."""
    key = file_key(file_id)
    if kind is not None:
        # A receipt is kept, whatever the client wants of the rest.
        expires_after = None if kind is BatchFileKind.RECEIPT else order.output_expires_after
        stored = StoredObject(key, size)
        return batch_file(
            order.batch_id, kind, stored=stored, project=order.project, expires_after=expires_after
        )
    lifetime = lifetime_of(FilePurpose.BATCH, None)
    return File(
        id=file_id,
        project=order.project,
        filename=f"{file_id}.jsonl",
        purpose=FilePurpose.BATCH,
        bytes=size,
        key=key,
        created_at=order.created_at,
        expires_at=order.created_at + lifetime if lifetime else None,
    )
