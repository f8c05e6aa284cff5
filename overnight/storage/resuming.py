"""Reading an object over a network that breaks: on from the byte it got to, and never from another object."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Protocol, TypeAlias

from overnight.domain.errors import ObjectNotFound, StorageUnavailable

TRIES = 5
"""How often in a row a read may break without having brought a byte."""

FIRST_PAUSE = timedelta(seconds=0.1)
"""It doubles with each try."""

REPLACED = "the object was replaced or removed while it was read"


class ConnectionBroke(Exception):
    """The bytes stopped coming before their end. For the stores here only: it ends in `resumed`."""


class ObjectReplaced(Exception):
    """There is another object under the key now. For the stores here only: it ends in `resumed`."""


class Opened(Protocol):
    """An answer whose body has not been read yet."""

    @property
    def version(self) -> str:
        """What the store calls this very object, and no other that ever was under its key."""
        ...

    @property
    def end(self) -> int:
        """The offset after the last byte that was asked for and that there is."""
        ...

    def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield bytes up to `end` or less. Raises ConnectionBroke. Closing it closes the answer."""
        ...


def end_of(*, content_range: str | None, content_length: int) -> int:
    """Return where the bytes of an answer end. Of a range it says, for instance, `bytes 3-6/10`."""
    if content_range is None:
        return content_length
    return int(content_range.partition("/")[0].rpartition("-")[2]) + 1


Open: TypeAlias = Callable[[int, str | None], Awaitable[Opened | None]]
"""Opens the object at an offset, None meaning that it has no bytes there. May raise ConnectionBroke. With a
version it raises ObjectReplaced when that is not the one that is there."""


async def resumed(key: str, open_at: Open, *, start: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes from `start` on. Raises StorageUnavailable, and what `open_at` raises."""
    at, end, tries = start, sys.maxsize, 0
    version: str | None = None
    while at < end:
        before, broke = at, None
        try:
            opened = await _opened(key, open_at, at, version)
            if opened is None:
                return
            version, end = opened.version, opened.end
            async with aclosing(opened.blocks()) as blocks:
                async for block in blocks:
                    yield block
                    at += len(block)
        except ConnectionBroke as error:
            broke = error
        tries = 0 if at > before else tries + 1
        if tries == TRIES:
            raise StorageUnavailable(f"reading broke off {TRIES} times in a row", key=key) from broke
        if broke:
            await asyncio.sleep(FIRST_PAUSE.total_seconds() * 2**tries)


async def _opened(key: str, open_at: Open, at: int, version: str | None) -> Opened | None:
    try:
        return await open_at(at, version)
    except ObjectReplaced as replaced:
        raise StorageUnavailable(REPLACED, key=key) from replaced
    except ObjectNotFound as missing:
        if version is None:
            raise
        raise StorageUnavailable(REPLACED, key=key) from missing
