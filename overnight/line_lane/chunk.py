"""One chunk of a batch, sent line by line, with its answers kept as they come.

However it ends (done, cancelled, store down, killed), a later attempt sends only what has no answer in a
checkpoint, and `seal_shard` needs nothing but the checkpoints.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.layout import chunk_prefix, part_key
from overnight.domain.plan import Chunk
from overnight.domain.usage import Counts
from overnight.jsonl import Request
from overnight.line_lane.admission import Places
from overnight.line_lane.budget import Hold
from overnight.line_lane.checkpoint import CheckpointWriter
from overnight.line_lane.feed import LineFeed
from overnight.line_lane.lane import LineLane
from overnight.line_lane.sender import LineSender
from overnight.outcomes.chunk_lines import read_slabs
from overnight.outcomes.parts import read_parts
from overnight.outcomes.record import Record
from overnight.storage.protocol import Storage

REPORT_INTERVAL = timedelta(seconds=1)


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
    """How far a chunk is, earlier attempts included. `waiting_on` says why no line is sent just now."""

    counts: Counts
    tokens: int = 0
    waiting_on: str | None = None


async def run_chunk(
    lane: LineLane,
    storage: Storage,
    *,
    task: ChunkTask,
    deployment: Deployment,
    report: Callable[[ChunkProgress], None],
) -> ChunkProgress:
    """Send every line of the chunk that no attempt has an outcome for, and return once all have one.

    `report` is called at the start, every second and at the end, whether or not anything moved. When it is
    cancelled, requests in flight are dropped at once, and what was answered is kept before CancelledError
    goes on. Raises StorageError.
    """
    tally = await _earlier_attempts(storage, task)
    slabs = read_slabs(storage, task.input_key, task.chunk)
    try:
        async with (
            aclosing(slabs),
            CheckpointWriter(storage, part_key=task.part_key, held=lane.held) as writer,
        ):
            run = _ChunkRun(
                lane=lane,
                crew=lane.crew(deployment, batch_id=task.batch_id),
                sender=lane.sender(deployment, endpoint=task.endpoint, batch_id=task.batch_id),
                feed=LineFeed(slabs, known=tally.known, budget=lane.requests),
                writer=writer,
                tally=tally,
            )
            await run.to_the_end(report)
    finally:
        report(tally.progress(None))
    return tally.progress(None)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What the chunk's lines have come to; `known` are the indices that earlier attempts answered."""

    total: int
    completed: int = 0
    failed: int = 0
    tokens: int = 0
    known: set[int] = field(default_factory=set)

    @property
    def left(self) -> int:
        return self.total - self.completed - self.failed

    def count(self, record: Record) -> None:
        if record.ok:
            self.completed += 1
        else:
            self.failed += 1
        self.tokens += record.usage.total

    def progress(self, waiting_on: str | None) -> ChunkProgress:
        counts = Counts(self.total, self.completed, self.failed)
        return ChunkProgress(counts=counts, tokens=self.tokens, waiting_on=waiting_on)


async def _earlier_attempts(storage: Storage, task: ChunkTask) -> _Tally:
    tally = _Tally(total=task.chunk.lines)
    async with aclosing(read_parts(storage, task.parts_prefix)) as records:
        async for record in records:
            if record.index not in tally.known:
                tally.known.add(record.index)
                tally.count(record)
    return tally


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChunkRun:
    """The coroutines that share one chunk: senders, a reader, a writer of checkpoints, a reporter."""

    lane: LineLane
    crew: Places
    sender: LineSender
    feed: LineFeed
    writer: CheckpointWriter
    tally: _Tally

    async def to_the_end(self, report: Callable[[ChunkProgress], None]) -> None:
        """Send what is left. Raises the first error of any of its coroutines."""
        senders = min(self.tally.left, self.crew.total)
        try:
            async with asyncio.TaskGroup() as group:
                reporting = group.create_task(self._report(report))
                reading = group.create_task(self.feed.run())
                group.create_task(self.writer.run())
                for sending in [group.create_task(self._send_lines()) for _ in range(senders)]:
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

    async def _send_lines(self) -> None:
        await self.crew.take()
        try:
            while request := await self.feed.next():
                await self._send_line(request)
        finally:
            self.crew.give()

    async def _send_line(self, request: Request) -> None:
        hold = Hold(self.lane.answers)
        try:
            record = await self.sender.send(request, hold=hold)
            self.tally.count(record)
            self.writer.add(record)
            if self.lane.held.is_full:
                await self.lane.held.room()
        finally:
            hold.release()
            self.feed.done(request)
