"""Answers that are in no checkpoint yet, counted over all chunks of a process: a kill loses all of them."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from overnight.outcomes.record import Record

MAX_HELD_LINES = 200
PART_LINES = 160
"""What is beyond it is held while a part is being written."""

PART_BYTES = 8 * 2**20
PART_AGE = timedelta(seconds=0.75)
"""How long a lone answer waits for company. The rest of the second is for writing it."""


class HeldAnswers:
    """What the chunks of one process hold together, and which of them is to write next.

    Whoever has the lock `writing` writes, so that it is one part at a time: threads that write side by side
    take the interpreter from each other and from the lane. `refusal` says, for people, why the store takes
    no parts just now.
    """

    def __init__(self) -> None:
        self.writing = asyncio.Lock()
        self.refusal: str | None = None
        self._chunks: set[ChunkAnswers] = set()
        self._lines = 0
        self._bytes = 0
        self._fewer = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether so much is held that nothing more should be sent until there is `room`."""
        return self._lines >= MAX_HELD_LINES or self._bytes >= 2 * PART_BYTES

    async def room(self) -> None:
        """Wait until enough has been written."""
        while self.is_full:
            self._fewer.clear()
            await self._fewer.wait()

    def more(self, chunk: "ChunkAnswers", size: int) -> None:
        """Count an answer of `size` bytes that `chunk` holds from now on."""
        self._chunks.add(chunk)
        self._lines += 1
        self._bytes += size
        if not self.writing.locked():
            self._want_the_next()

    def fewer(self, chunk: "ChunkAnswers", *, lines: int, size: int) -> None:
        """Count so many answers less: `chunk` has written them, or has given up."""
        self._lines -= lines
        self._bytes -= size
        if not chunk.records:
            self._chunks.discard(chunk)
        if not self._chunks:
            self.refusal = None
        self._fewer.set()
        self._want_the_next()

    def _want_the_next(self) -> None:
        if self._lines >= PART_LINES or self._bytes >= PART_BYTES:
            # A part costs the same whatever is in it, so the fullest goes first.
            max(self._chunks, key=lambda chunk: len(chunk.records)).want()


class ChunkAnswers:
    """The share of one chunk in what is held, oldest first."""

    def __init__(self, held: HeldAnswers) -> None:
        self.records: list[Record] = []
        self._held = held
        self._oldest_at = 0.0
        self._begun = asyncio.Event()
        self._wanted = asyncio.Event()

    def add(self, record: Record) -> None:
        """Hold a record until it is in a part."""
        if not self.records:
            self._oldest_at = asyncio.get_running_loop().time()
            self._begun.set()
        self.records.append(record)
        self._held.more(self, len(record.line))

    def want(self) -> None:
        """Make what is held due now, be it nothing."""
        self._begun.set()
        self._wanted.set()

    async def due(self) -> None:
        """Wait until something is held that should be written: it is wanted, or old."""
        await self._begun.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._oldest_at + PART_AGE.total_seconds()):
                await self._wanted.wait()

    def forget(self, taken: int, *, at: float) -> None:
        """Hold the `taken` oldest no more; what is left came after the moment `at`."""
        size = sum(len(record.line) for record in self.records[:taken])
        del self.records[:taken]
        self._oldest_at = at
        self._wanted.clear()
        if not self.records:
            self._begun.clear()
        self._held.fewer(self, lines=taken, size=size)
