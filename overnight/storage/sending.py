"""An object on its way in parts: cut to size, some of them under way while the next is being filled."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

from overnight.storage.blocks import gathered
from overnight.storage.threads import to_its_end

PART_BYTES = 8 * 2**20
"""How large the first parts are: what the vendors' own SDKs begin with, or near it."""

PARTS_OF_A_SIZE = 1_000
"""Then parts grow by as much again. S3 takes 10,000 of them, so an object can have 461 GB."""

IN_FLIGHT_BYTES = 4 * PART_BYTES
"""How much of one object is sent at once; a part that is larger than this goes alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of an object from `offset` on. Parts are counted from 0; there is always one that is last."""

    number: int
    offset: int
    content: bytes
    is_last: bool

    @property
    def end(self) -> int:
        """The offset after the last byte."""
        return self.offset + len(self.content)


Send: TypeAlias = Callable[[Part], Coroutine[Any, Any, None]]


async def parts(content: AsyncIterator[bytes], *, part_bytes: int = PART_BYTES) -> AsyncGenerator[Part, None]:
    """Yield the bytes of `content` in parts that are full, but for the last; it may be empty."""
    filling = _Filling(0, 0, part_bytes=part_bytes)
    async with aclosing(gathered(content)) as blocks:
        async for block in blocks:
            for piece in block:
                rest = memoryview(piece)
                while rest:
                    if not filling.room:
                        # Only now is it known not to be the last.
                        yield filling.part(is_last=False)
                        filling = filling.next()
                    rest = filling.take(rest)
    yield filling.part(is_last=True)


class _Filling:
    """A part that has room left for so many bytes."""

    def __init__(self, number: int, offset: int, *, part_bytes: int) -> None:
        self._number = number
        self._offset = offset
        self._part_bytes = part_bytes
        self._size = part_bytes * (1 + number // PARTS_OF_A_SIZE)
        self._pieces: list[memoryview] = []
        self.room = self._size

    def take(self, piece: memoryview) -> memoryview:
        """Take what there is room for, and return the rest."""
        self._pieces.append(piece[: self.room])
        taken = len(self._pieces[-1])
        self.room -= taken
        return piece[taken:]

    def part(self, *, is_last: bool) -> Part:
        """Return what there is of it."""
        return Part(self._number, self._offset, b"".join(self._pieces), is_last)

    def next(self) -> "_Filling":
        """Return an empty one that comes after this when it is full."""
        return _Filling(self._number + 1, self._offset + self._size, part_bytes=self._part_bytes)


async def send_all(
    first: Part, rest: AsyncIterator[Part], send: Send, *, in_flight_bytes: int = IN_FLIGHT_BYTES
) -> int:
    """Send all parts, up to `in_flight_bytes` of them at once, and return how many bytes they were.

    Raises what `rest` or `send` raises. Nothing is being sent any more once it has returned or raised.
    """
    flight, size = _Flight(in_flight_bytes), first.end
    try:
        flight.add(first, send)
        async for part in rest:
            await flight.room_for(part)
            flight.add(part, send)
            size = part.end
        await flight.land()
    finally:
        await to_its_end(flight.end())
    return size


class _Flight:
    """What is under way, oldest first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._tasks: deque[tuple[asyncio.Task[None], int]] = deque()

    def add(self, part: Part, send: Send) -> None:
        """Begin to send `part`."""
        self._tasks.append((asyncio.create_task(send(part)), len(part.content)))
        self._bytes += len(part.content)

    async def room_for(self, part: Part) -> None:
        """Wait until `part` may be sent beside what is under way, or alone."""
        while self._tasks and self._bytes + len(part.content) > self._most:
            await self._oldest()

    async def land(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await self._oldest()

    async def end(self) -> None:
        """Stop what is under way, and wait until it is."""
        tasks = [task for task, _ in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _oldest(self) -> None:
        task, size = self._tasks[0]
        await task
        self._tasks.popleft()
        self._bytes -= size
