"""Answers are kept as they come, in immutable parts: a bucket can't append, and a worker can be killed.

What a kill loses is what is held then: never more than MAX_HELD_LINES, and nothing older than a second.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from datetime import timedelta

from overnight.domain.errors import StorageError, StorageFull, StorageUnavailable
from overnight.line_lane.record import Record, pack_part, unpack_part
from overnight.storage.protocol import Storage

MAX_HELD_LINES = 200
PART_LINES = 160
"""What is beyond it is held while a part is being written."""

PART_BYTES = 8 * 2**20
PART_AGE = timedelta(seconds=0.75)
"""How long a lone answer waits for company. The rest of the second is for writing it."""

FIRST_RETRY = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(seconds=15)
"""Between these two doubles the pause before a part that could not be written is tried again."""

_WHY_NOT = {StorageFull: "storage has no room left", StorageUnavailable: "storage can't be written to"}


class CheckpointWriter:
    """Gathers records and writes them as parts while the lane goes on sending.

    `part_key` makes the key of the n-th part, from 0. `run` does the writing; `add` never waits, and
    `room` waits while the store is too slow for the lane. While the store refuses (a full disk), answers
    that were paid for are held and tried again, nothing more is sent than fits, and `waiting_on` says why.
    """

    def __init__(self, storage: Storage, *, part_key: Callable[[int], str]) -> None:
        self._storage = storage
        self._part_key = part_key
        self._parts = 0
        self._records: list[Record] = []
        self._bytes = 0
        self._oldest_at = 0.0
        self._begun = asyncio.Event()
        self._due = asyncio.Event()
        self._written = asyncio.Event()
        self._closing = False
        self.waiting_on: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether so much is held that senders should wait for `room` before they send more."""
        return len(self._records) >= MAX_HELD_LINES or self._bytes >= 2 * PART_BYTES

    def add(self, record: Record) -> None:
        """Hold a record until the next part is written."""
        if not self._records:
            self._oldest_at = asyncio.get_running_loop().time()
            self._begun.set()
        self._records.append(record)
        self._bytes += len(record.line)
        if self._is_due:
            self._due.set()

    @property
    def _is_due(self) -> bool:
        return self._closing or len(self._records) >= PART_LINES or self._bytes >= PART_BYTES

    async def room(self) -> None:
        """Wait until a part has been written."""
        while self.is_full:
            self._written.clear()
            await self._written.wait()

    async def run(self) -> None:
        """Write a part whenever one is due, until `close`."""
        while not self._closing:
            await self._begun.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._oldest_at + PART_AGE.total_seconds()):
                    await self._due.wait()
            await self._flush_in_the_end()
        await self._flush_in_the_end()

    def close(self) -> None:
        """Let `run` write what is held and return."""
        self._closing = True
        self._begun.set()
        self._due.set()

    async def _flush_in_the_end(self) -> None:
        pause = FIRST_RETRY
        while True:
            try:
                await self.flush()
            except StorageError as error:
                self.waiting_on = _WHY_NOT.get(type(error), "storage refuses to be written to")
                await asyncio.sleep(pause.total_seconds())
                pause = min(pause * 2, LONGEST_RETRY)
            else:
                self.waiting_on = None
                return

    async def flush(self) -> None:
        """Write what is held as one part; if that fails, it is held still. Raises StorageError."""
        taken = self._records[:]
        taken_at = asyncio.get_running_loop().time()
        if taken:
            # A number is never used twice: a write that was interrupted may yet appear.
            key = self._part_key(self._parts)
            self._parts += 1
            await self._storage.put(key, _one_block(pack_part(taken)))
            self._forget(taken, at=taken_at)

    def _forget(self, taken: list[Record], *, at: float) -> None:
        del self._records[: len(taken)]
        self._bytes -= sum(len(record.line) for record in taken)
        # What is left came while `taken` was being written, so it is no older than that.
        self._oldest_at = at
        if not self._records:
            self._begun.clear()
        if not self._is_due:
            self._due.clear()
        self._written.set()


async def read_parts(storage: Storage, prefix: str) -> AsyncGenerator[Record, None]:
    """Yield the records of every part under `prefix`, whichever attempt wrote it.

    The same index can come more than once: an attempt that was given up may have gone on for a while.
    Raises StorageError.
    """
    async for part in storage.list(prefix):
        async with aclosing(unpack_part(storage.get(part.key), key=part.key)) as records:
            async for record in records:
                yield record


async def _one_block(content: bytes) -> AsyncIterator[bytes]:
    yield content
