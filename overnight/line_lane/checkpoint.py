"""Answers are kept as they come, in immutable parts: a bucket can't append, and a worker can be killed.

What a kill loses is what is held then, by all chunks of the process together: never more than MAX_HELD_LINES
and the lines that were in flight when that was reached, and nothing older than a second.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from overnight.domain.errors import StorageError, StorageFull, StorageUnavailable
from overnight.line_lane.held import ChunkAnswers, HeldAnswers
from overnight.outcomes.record import Record, Source, pack_part
from overnight.storage.protocol import Storage

FIRST_RETRY = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(seconds=15)
"""Between these two doubles the pause before a part that could not be written is tried again."""

_WHY_NOT = {StorageFull: "storage has no room left", StorageUnavailable: "storage can't be written to"}


class CheckpointWriter:
    """Gathers one chunk's records and writes them as parts while the lane goes on sending.

    `part_key` makes the key of the n-th part, from 0; `source` is who answers. `run` does the writing; `add`
    never waits. While the store is too slow for the lane, or refuses (a full disk), answers that were paid
    for are held and tried again, and senders should wait for `held.room`. Leaving the `async with` block
    writes what is left, once; what can't be written then is given up. Raises StorageError.
    """

    def __init__(
        self, storage: Storage, *, part_key: Callable[[int], str], source: Source, held: HeldAnswers
    ) -> None:
        self._storage = storage
        self._part_key = part_key
        self._source = source
        self._parts = 0
        self._held = held
        self._answers = ChunkAnswers(held)
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            await self._flush()
        finally:
            self._answers.forget(len(self._answers.records), at=0)

    def add(self, record: Record) -> None:
        """Hold a record until the next part is written."""
        self._answers.add(record)

    async def run(self) -> None:
        """Write a part whenever one is due, until `close`."""
        while not self._closing:
            await self._answers.due()
            await self._flush_in_the_end()
        await self._flush_in_the_end()

    def close(self) -> None:
        """Let `run` write what is held and return."""
        self._closing = True
        self._answers.want()

    async def _flush_in_the_end(self) -> None:
        pause = FIRST_RETRY
        while True:
            try:
                return await self._flush()
            except StorageError as error:
                self._held.refusal = _WHY_NOT.get(type(error), "storage refuses to be written to")
                await asyncio.sleep(pause.total_seconds())
                pause = min(pause * 2, LONGEST_RETRY)

    async def _flush(self) -> None:
        """Write what is held as one part; if that fails, it is held still. Raises StorageError."""
        async with self._held.writing:
            taken = self._answers.records[:]
            taken_at = asyncio.get_running_loop().time()
            if taken:
                # A number is never used twice: a write that was interrupted may yet appear.
                key = self._part_key(self._parts)
                self._parts += 1
                await self._storage.put(key, _one_block(pack_part(taken, source=self._source)))
                self._held.refusal = None
        # Only now that the lock is free can this call the next chunk to it.
        self._answers.forget(len(taken), at=taken_at)


async def _one_block(content: bytes) -> AsyncIterator[bytes]:
    yield content
