"""Activities that follow a script, so that a test can tell any story to the real workflows."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import heartbeating
from activities.payloads import (
    ChunkOrder,
    Collected,
    CollectOrder,
    Manifest,
    ProgressReport,
    Record,
    Route,
    SealedShard,
    SealOrder,
)
from activities.place_payloads import WaitingNote
from overnight.domain.batch import BatchChange, BatchOrder
from overnight.domain.deployment import BatchLane
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage
from tests.workflows.scripted_provider import ScriptedProvider

LINES_A_CHUNK = 10


def routes(*deployments: str) -> tuple[Route, ...]:
    """Return the way to these deployments, in the line lane."""
    return tuple(Route(deployment=each, provider="hosted_vllm", lane=BatchLane.LINES) for each in deployments)


@dataclass
class Script:
    """What the activities do, and what they were asked.

    A chunk in `stuck` runs until it is cancelled, and has answered `answered_when_stopped` lines then.
    """

    manifest: Manifest
    stuck: set[tuple[int, int]] = field(default_factory=set)
    answered_when_stopped: int = 3
    chunk_failures: Counter[tuple[int, int]] = field(default_factory=Counter)
    ingest_gate: asyncio.Event | None = None
    seal_gate: asyncio.Event | None = None
    seal_error: ApplicationError | None = None
    tidy_error: ApplicationError | None = None
    waiting_on: str | None = None
    records: list[BatchChange] = field(default_factory=list)
    chunks: list[ChunkOrder] = field(default_factory=list)
    seals: list[SealOrder] = field(default_factory=list)
    collects: list[CollectOrder] = field(default_factory=list)
    answered: Counter[tuple[int, int]] = field(default_factory=Counter)
    all_stuck: asyncio.Event = field(default_factory=asyncio.Event)
    ingest_started: asyncio.Event = field(default_factory=asyncio.Event)
    seal_started: asyncio.Event = field(default_factory=asyncio.Event)
    row_revision: int = 0
    tidied: int = 0
    provider: ScriptedProvider | None = None
    notes: list[bool] = field(default_factory=list)

    async def cancelling(self) -> None:
        """Wait until the batch says that it is being cancelled, and its shards have heard of it."""
        while BatchStatus.CANCELLING not in self.statuses:  # noqa: ASYNC110 - it is written by an activity
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)

    @property
    def statuses(self) -> list[BatchStatus]:
        """The statuses that were written, in order."""
        return [change.status for change in self.records]

    @activity.defn(name="open_batch")
    async def open_batch(self, order: BatchOrder) -> None:
        """Nothing to open."""

    @activity.defn(name="ingest")
    async def ingest(self, order: BatchOrder) -> Manifest:
        """Find what the script says."""
        self.ingest_started.set()
        if self.ingest_gate is not None:
            async with heartbeating():
                await self.ingest_gate.wait()
        return self.manifest

    @activity.defn(name="record")
    async def record(self, record: Record) -> int:
        """Remember the picture, if it is later than the row."""
        if record.change.revision > self.row_revision:
            self.row_revision = record.change.revision
            self.records.append(record.change)
        return self.row_revision

    @activity.defn(name="read_progress")
    async def read_progress(self, batch_id: str) -> ProgressReport:
        """Report what the chunks have answered."""
        return ProgressReport(completed=self.answered.total(), waiting_on=self.waiting_on)

    @activity.defn(name="send_chunk")
    async def send_chunk(self, order: ChunkOrder) -> Counts:
        """Answer the chunk, or be stuck."""
        place = (order.shard, order.chunk)
        self.chunks.append(order)
        if self.chunk_failures[place] > 0:
            self.chunk_failures[place] -= 1
            raise ApplicationError("the store is down", type="StorageUnavailable")
        if place in self.stuck:
            if self.stuck <= {(chunk.shard, chunk.chunk) for chunk in self.chunks}:
                self.all_stuck.set()
            try:
                async with heartbeating():
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.answered[place] = self.answered_when_stopped
                return Counts(LINES_A_CHUNK, self.answered_when_stopped, 0)
        self.answered[place] = LINES_A_CHUNK
        return Counts(LINES_A_CHUNK, LINES_A_CHUNK, 0)

    @activity.defn(name="seal_shard")
    async def seal_shard(self, order: SealOrder) -> SealedShard:
        """Count what the chunks of the shard answered; the rest has failed."""
        self.seals.append(order)
        self.seal_started.set()
        if self.seal_gate is not None:
            async with heartbeating():
                await self.seal_gate.wait()
        if self.seal_error is not None:
            raise self.seal_error
        total = self.manifest.shards[order.shard] * LINES_A_CHUNK
        completed = sum(n for (shard, _), n in self.answered.items() if shard == order.shard)
        return SealedShard(
            attempt="a",
            output_bytes=completed,
            error_bytes=total - completed,
            counts=Counts(total, completed, total - completed),
            usage=Usage(input=completed, output=completed),
            model="m-2026",
        )

    @activity.defn(name="collect")
    async def collect(self, order: CollectOrder) -> Collected:
        """Name the files that there would be."""
        self.collects.append(order)
        return Collected(
            output_file_id="file-out" if any(shard.output for shard in order.shards) else None,
            error_file_id="file-err" if any(shard.error for shard in order.shards) else None,
        )

    @activity.defn(name="tidy")
    async def tidy(self, batch_id: str) -> None:
        """Remember that it was asked for."""
        self.tidied += 1
        if self.tidy_error is not None:
            raise self.tidy_error

    @activity.defn(name="note_waiting")
    async def note_waiting(self, note: WaitingNote) -> None:
        """Remember what the shard waits for."""
        self.notes.append(not note.over)

    @property
    def on_batches(self) -> list[Callable[..., Any]]:
        """What runs on the queue of batches."""
        return [
            self.open_batch,
            self.ingest,
            self.record,
            self.read_progress,
            self.seal_shard,
            self.collect,
            self.tidy,
            self.note_waiting,
        ]

    @property
    def on_lines(self) -> list[Callable[..., Any]]:
        """What runs on the queue of lines."""
        return [self.send_chunk]
