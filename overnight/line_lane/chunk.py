"""One chunk of a batch, sent line by line, with its answers kept as they come.

However it ends (done, cancelled, store down, killed), a later attempt sends only what has no answer in a
checkpoint, and `seal_shard` needs nothing but the checkpoints.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.layout import chunk_prefix, part_key
from overnight.domain.plan import Chunk
from overnight.domain.price import Price
from overnight.domain.usage import Counts
from overnight.jsonl import Request
from overnight.line_lane.admission import Places
from overnight.line_lane.budget import Hold
from overnight.line_lane.checkpoint import CheckpointWriter
from overnight.line_lane.feed import LineFeed
from overnight.line_lane.lane import LineLane
from overnight.line_lane.sender import LineSender
from overnight.line_lane.tracing import note_chunk, shown
from overnight.outcomes.answer import spent_in
from overnight.outcomes.chunk_lines import read_slabs
from overnight.outcomes.parts import read_parts
from overnight.outcomes.receipt_line import read_result
from overnight.outcomes.record import Record, Source
from overnight.pricing import charge
from overnight.storage.protocol import Storage

REPORT_INTERVAL = timedelta(seconds=1)

PriceOf = Callable[[str | None], Price | None]
"""What an answer is counted at that names a service tier, None being the usual one; None if nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTask:
    """Which chunk to send, and as which attempt. No two attempts at a chunk may bear the same name."""

    batch_id: str
    input_key: str
    endpoint: Endpoint
    shard: int
    number: int
    chunk: Chunk
    attempt: str

    @property
    def parts_prefix(self) -> str:
        """Where the checkpoints of all attempts at this chunk are."""
        return chunk_prefix(self.batch_id, self.shard, self.number)

    def part_key(self, part: int) -> str:
        """Return the key of this attempt's `part`-th checkpoint."""
        return part_key(self.batch_id, self.shard, self.number, attempt=self.attempt, part=part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkProgress:
    """How far a chunk is, earlier attempts included. `waiting_on` says why no line is sent just now.

    `cost` is in US dollars, and counted only where somebody asks for it; None if an answer has no price.
    """

    counts: Counts
    tokens: int = 0
    waiting_on: str | None = None
    cost: Decimal | None = Decimal(0)


def never(cost: Decimal | None) -> bool:  # noqa: ARG001 - whatever it is
    """Say that there is not enough yet."""
    return False


async def run_chunk(
    lane: LineLane,
    storage: Storage,
    *,
    task: ChunkTask,
    deployment: Deployment,
    report: Callable[[ChunkProgress], None],
    price_of: PriceOf | None = None,
    enough: Callable[[Decimal | None], bool] = never,
) -> ChunkProgress:
    """Send every line of the chunk that no attempt has an outcome for, and return once all have one.

    `report` is called at the start, every second and at the end, whether or not anything moved. When it is
    cancelled, requests in flight are dropped at once, and what was answered is kept before CancelledError
    goes on. With `price_of` the cost is counted, and once it is `enough`, no other line is begun. Raises
    StorageError.
    """
    tally = await _earlier_attempts(storage, task, price_of)
    slabs, source = read_slabs(storage, task.input_key, task.chunk), Source(deployment=deployment.id)
    sender = lane.sender(deployment, endpoint=task.endpoint, batch_id=task.batch_id)
    counted = _counting(report, sender, tally.progress(None))
    try:
        async with (
            aclosing(slabs),
            CheckpointWriter(storage, part_key=task.part_key, source=source, held=lane.held) as writer,
        ):
            run = _ChunkRun(
                lane=lane,
                crew=lane.crew(deployment, batch_id=task.batch_id),
                sender=sender,
                first=shown(sender, deployment, endpoint=task.endpoint),
                feed=LineFeed(slabs, known=tally.known, budget=lane.requests),
                writer=writer,
                tally=tally,
                enough=enough,
            )
            await run.to_the_end(counted)
    finally:
        last = tally.progress(None)
        counted(last)
        note_chunk(last.counts, deployment, endpoint=task.endpoint, tokens=last.tokens)
    return tally.progress(None)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What the chunk's lines have come to; `known` are the indices that earlier attempts answered."""

    total: int
    completed: int = 0
    failed: int = 0
    tokens: int = 0
    known: set[int] = field(default_factory=set)
    price_of: PriceOf | None = None
    cost: Decimal | None = Decimal(0)

    @property
    def left(self) -> int:
        return self.total - self.completed - self.failed

    def count(self, record: Record) -> None:
        if record.ok:
            self.completed += 1
        else:
            self.failed += 1
        self.tokens += record.tokens
        if record.ok and self.price_of is not None and self.cost is not None:
            due = _due(record, self.price_of)
            self.cost = None if due is None else self.cost + due

    def progress(self, waiting_on: str | None) -> ChunkProgress:
        counts = Counts(self.total, self.completed, self.failed)
        return ChunkProgress(counts=counts, tokens=self.tokens, waiting_on=waiting_on, cost=self.cost)


def _due(record: Record, price_of: PriceOf) -> Decimal | None:
    spent = spent_in(read_result(record.line).body)
    price = price_of(spent.service_tier)
    return charge(spent.usage, price).total if price else None


def _counting(
    report: Callable[[ChunkProgress], None], sender: LineSender, earlier: ChunkProgress
) -> Callable[[ChunkProgress], None]:
    """Return `report`, which counts what has come since it was last called, or since `earlier`."""
    seen = earlier

    def count(progress: ChunkProgress) -> None:
        nonlocal seen
        now, before = progress.counts, seen.counts
        more = Counts(0, now.completed - before.completed, now.failed - before.failed)
        sender.meter.answered(more, tokens=progress.tokens - seen.tokens)
        sender.meter.paused(now=progress.waiting_on is not None and sender.waiting_on is not None)
        seen = progress
        report(progress)

    return count


async def _earlier_attempts(storage: Storage, task: ChunkTask, price_of: PriceOf | None) -> _Tally:
    tally = _Tally(total=task.chunk.lines, price_of=price_of)
    async with aclosing(read_parts(storage, task.parts_prefix)) as records:
        async for record in records:
            if record.index not in tally.known:
                tally.known.add(record.index)
                tally.count(record)
    return tally


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChunkRun:
    """The coroutines that share one chunk: senders, a reader, a writer of checkpoints, a reporter.

    `first` sends one line, and `sender` all others.
    """

    lane: LineLane
    crew: Places
    sender: LineSender
    first: LineSender
    feed: LineFeed
    writer: CheckpointWriter
    tally: _Tally
    enough: Callable[[Decimal | None], bool]

    async def to_the_end(self, report: Callable[[ChunkProgress], None]) -> None:
        """Send what is left. Raises the first error of any of its coroutines."""
        senders = min(self.tally.left, self.crew.total)
        try:
            async with asyncio.TaskGroup() as group:
                reporting = group.create_task(self._report(report))
                reading = group.create_task(self.feed.run())
                group.create_task(self.writer.run())
                for sending in [
                    group.create_task(self._send_lines(self.sender if number else self.first))
                    for number in range(senders)
                ]:
                    await sending
                reading.cancel()
                reporting.cancel()
                self.writer.close()
        except ExceptionGroup as failures:
            # The first is why the others were stopped.
            raise failures.exceptions[0] from None

    async def _report(self, report: Callable[[ChunkProgress], None]) -> None:
        while True:
            report(self.tally.progress(self.lane.held.refusal or self.sender.waiting_on))
            await asyncio.sleep(REPORT_INTERVAL.total_seconds())

    async def _send_lines(self, sender: LineSender) -> None:
        """Send lines as they come, the first of them by `sender`."""
        await self.crew.take()
        try:
            while not self.enough(self.tally.cost) and (request := await self.feed.next()):
                await self._send_line(request, sender)
                sender = self.sender
        finally:
            self.crew.give()

    async def _send_line(self, request: Request, sender: LineSender) -> None:
        hold = Hold(self.lane.answers)
        try:
            record = await sender.send(request, hold=hold)
            self.tally.count(record)
            self.writer.add(record)
            if self.lane.held.is_full:
                await self.lane.held.room()
        finally:
            hold.release()
            self.feed.done(request)
