"""Activities that follow a script, so that a test can tell any story to the real workflows."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.begun import BegunJobs
from activities.clock import utc_now
from activities.event_payloads import Opened
from activities.heartbeat import heartbeating
from activities.payloads import (
    ChargedShard,
    ChargeOrder,
    ChunkDone,
    ChunkOrder,
    Collected,
    CollectOrder,
    Manifest,
    ProgressReport,
    QuoteOrder,
    Record,
    Route,
    SealedShard,
    SealOrder,
)
from activities.place_payloads import WaitingNote
from overnight.domain.account import Account, Entry
from overnight.domain.batch import BatchChange, BatchOrder
from overnight.domain.deployment import BatchLane
from overnight.domain.event import STEPS, Occurrence, step_of
from overnight.domain.job import BegunJob
from overnight.domain.price import Price, Quote
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage
from overnight.outcomes.seal import Served
from overnight.pricing import charge
from tests.workflows.scripted_provider import ScriptedProvider

LINES_A_CHUNK = 10


def routes(*deployments: str) -> tuple[Route, ...]:
    """Return the way to these deployments, in the line lane."""
    return tuple(Route(deployment=each, provider="hosted_vllm", lane=BatchLane.LINES) for each in deployments)


@dataclass
class Script:
    """What the activities do, and what they were asked.

    A chunk in `stuck` runs until it is cancelled, and has answered `answered_when_stopped` lines then. With
    `spent_after` the batch has cost all that it may after so many chunks. The first `sealable` shards meet
    no `seal_error`, and are charged before the others do.
    """

    manifest: Manifest
    stuck: set[tuple[int, int]] = field(default_factory=set)
    answered_when_stopped: int = 3
    chunk_failures: Counter[tuple[int, int]] = field(default_factory=Counter)
    ingest_gate: asyncio.Event | None = None
    seal_gate: asyncio.Event | None = None
    seal_error: ApplicationError | None = None
    sealable: int = 0
    tidy_error: ApplicationError | None = None
    tidy_gate: asyncio.Event | None = None
    waiting_on: str | None = None
    records: list[BatchChange] = field(default_factory=list)
    chunks: list[ChunkOrder] = field(default_factory=list)
    seals: list[SealOrder] = field(default_factory=list)
    collects: list[CollectOrder] = field(default_factory=list)
    answered: Counter[tuple[int, int]] = field(default_factory=Counter)
    all_stuck: asyncio.Event = field(default_factory=asyncio.Event)
    ingest_started: asyncio.Event = field(default_factory=asyncio.Event)
    seal_started: asyncio.Event = field(default_factory=asyncio.Event)
    tidy_started: asyncio.Event = field(default_factory=asyncio.Event)
    row_revision: int = 0
    tidied: int = 0
    receipted: bool = True
    spent_after: int | None = None
    price: Price | None = None
    quoted: int = 0
    charges: list[ChargeOrder] = field(default_factory=list)
    provider: ScriptedProvider | None = None
    notes: list[bool] = field(default_factory=list)
    sinks: tuple[str, ...] = ()
    sinks_gone: set[str] = field(default_factory=set)
    sinks_down: set[str] = field(default_factory=set)
    events_told: list[tuple[str, Occurrence]] = field(default_factory=list)
    due: tuple[str, ...] = ()
    told: list[str] = field(default_factory=list)
    taken: asyncio.Event = field(default_factory=asyncio.Event)

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
    async def open_batch(self, order: BatchOrder) -> Opened | None:
        """Nothing to open, but there may be sinks."""
        return Opened(sinks=self.sinks) if self.sinks else None

    @activity.defn(name="known_sinks")
    async def known_sinks(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those that are not gone."""
        return tuple(name for name in names if name not in self.sinks_gone)

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
    async def read_progress(self, batch_id: str, told: int = STEPS) -> ProgressReport:
        """Report what the chunks have answered."""
        completed = self.answered.total()
        step = min(step_of(Counts(self.manifest.lines, completed, 0)), STEPS - 1)
        return ProgressReport(completed=completed, waiting_on=self.waiting_on, step=step, at=utc_now())

    @activity.defn(name="send_chunk")
    async def send_chunk(self, order: ChunkOrder) -> ChunkDone:
        """Answer the chunk, or be stuck."""
        place = (order.shard, order.chunk)
        self.chunks.append(order)
        if self.spent_after is not None and len(self.chunks) > self.spent_after:
            return ChunkDone(total=LINES_A_CHUNK, over_budget=True)
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
                return ChunkDone(total=LINES_A_CHUNK, completed=self.answered_when_stopped)
        self.answered[place] = LINES_A_CHUNK
        return ChunkDone(total=LINES_A_CHUNK, completed=LINES_A_CHUNK)

    @activity.defn(name="seal_shard")
    async def seal_shard(self, order: SealOrder) -> SealedShard:
        """Count what the chunks of the shard answered; the rest has failed."""
        self.seals.append(order)
        self.seal_started.set()
        if self.seal_gate is not None:
            async with heartbeating():
                await self.seal_gate.wait()
        if self.seal_error is not None and order.shard >= self.sealable:
            async with heartbeating():
                while len(self.charges) < self.sealable:  # noqa: ASYNC110 - they are made by an activity
                    await asyncio.sleep(0.05)
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
            receipted=self.receipted,
            served=(Served("dep_1", "m-2026"),),
        )

    @activity.defn(name="quote")
    async def quote(self, order: QuoteOrder) -> tuple[Quote, ...]:
        """Quote the script's price."""
        self.quoted += 1
        (served,) = order.served
        reason = None if self.price else "nobody knows"
        quoted = Quote(deployment=served.deployment, model=served.model, price=self.price, reason=reason)
        return (quoted,)

    @activity.defn(name="charge_shard")
    async def charge_shard(self, order: ChargeOrder) -> ChargedShard:
        """Charge what the chunks of the shard answered."""
        self.charges.append(order)
        (quoted,) = order.quotes
        lines = sum(n for (shard, _), n in self.answered.items() if shard == order.shard)
        usage = Usage(input=lines, output=lines)
        entry = Entry(
            deployment=quoted.deployment,
            model=quoted.model,
            reason=quoted.reason,
            lines=lines,
            usage=usage,
            usd=charge(usage, quoted.price).usd if quoted.price else {},
        )
        return ChargedShard(attempt="c", account=Account(entries=(entry,)))

    @activity.defn(name="collect")
    async def collect(self, order: CollectOrder) -> Collected:
        """Name the files that there would be."""
        self.collects.append(order)
        return Collected(
            output_file_id="file-out" if any(shard.output for shard in order.shards) else None,
            error_file_id="file-err" if any(shard.error for shard in order.shards) else None,
            receipt_file_id="file-rec" if all(shard.charged_by for shard in order.shards) else None,
        )

    @activity.defn(name="tidy")
    async def tidy(self, batch_id: str) -> None:
        """Remember that it was asked for."""
        self.tidied += 1
        self.tidy_started.set()
        if self.tidy_gate is not None:
            async with heartbeating():
                await self.tidy_gate.wait()
        if self.tidy_error is not None:
            raise self.tidy_error

    @activity.defn(name="note_waiting")
    async def note_waiting(self, note: WaitingNote) -> None:
        """Remember what the shard waits for."""
        self.notes.append(not note.over)

    @activity.defn(name="webhooks_due")
    async def webhooks_due(self, batch_id: str) -> tuple[str, ...]:
        """Name the deliveries that there are, once the batch has ended."""
        return self.due

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, delivery_id: str) -> None:
        """Be a receiver that is dead until it is `taken`."""
        self.told.append(delivery_id)
        if not self.taken.is_set():
            raise ApplicationError("HTTP 500", type="WebhookNotTaken")

    async def begun_job(self, batch_id: str, shard: int) -> BegunJob | None:
        """Return what another telling of the shard's story has begun, as a catalog does."""
        return self.provider.begun if self.provider else None

    @property
    def polled_sinks(self) -> list[str]:
        """The sinks that a worker has a queue for."""
        return [sink for sink in self.sinks if sink not in self.sinks_gone]

    def sink(self, name: str) -> "ScriptedSink":
        """Return the step that hands events to one sink."""
        return ScriptedSink(self, name)

    @property
    def on_batches(self) -> list[Callable[..., Any]]:
        """What runs on the queue of batches."""
        return [
            self.open_batch,
            self.ingest,
            self.record,
            self.read_progress,
            self.seal_shard,
            self.quote,
            self.charge_shard,
            self.collect,
            self.tidy,
            self.note_waiting,
            self.known_sinks,
            self.webhooks_due,
            BegunJobs(self).begun_before,
        ]

    @property
    def on_lines(self) -> list[Callable[..., Any]]:
        """What runs on the queue of lines."""
        return [self.send_chunk]


@dataclass
class ScriptedSink:
    """A sink that remembers what it was told, or is down."""

    script: Script
    name: str

    @activity.defn(name="emit_event")
    async def emit_event(self, occurrence: Occurrence) -> None:
        """Remember the event, unless the sink is down."""
        if self.name in self.script.sinks_down:
            raise ApplicationError("the sink can't be reached", type="SinkUnavailable")
        self.script.events_told.append((self.name, occurrence))
