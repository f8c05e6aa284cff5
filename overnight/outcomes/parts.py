"""The parts that lie in storage, of whichever lane and attempt."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from overnight.outcomes.record import Record, unpack_part
from overnight.storage.protocol import Storage


async def read_parts(storage: Storage, prefix: str) -> AsyncGenerator[Record, None]:
    """Yield the records of every part under `prefix`, whichever attempt wrote it.

    The same index can come more than once: an attempt that was given up may have gone on for a while.
    Raises StorageError.
    """
    async for part in storage.list(prefix):
        async with aclosing(unpack_part(storage.get(part.key), key=part.key)) as records:
            async for record in records:
                yield record
