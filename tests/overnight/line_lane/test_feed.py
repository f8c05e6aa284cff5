"""Lines handed out to many senders while the next ones are being read."""

import asyncio
from collections.abc import AsyncIterator

from overnight.jsonl import Request
from overnight.line_lane.budget import ByteBudget
from overnight.line_lane.feed import LineFeed


def slab(*indices: int) -> list[Request]:
    return [Request(index, f"line-{index}", b"{}") for index in indices]


async def test_no_line_is_lost_when_senders_come_while_the_next_slab_is_being_read() -> None:
    reading, read_on = asyncio.Event(), asyncio.Event()

    async def slabs() -> AsyncIterator[list[Request]]:
        yield slab(0)
        reading.set()
        await read_on.wait()
        yield slab(1, 2)
        yield slab(3)

    feed = LineFeed(slabs(), known=(), budget=ByteBudget())
    async with asyncio.TaskGroup() as group:
        group.create_task(feed.run())
        first = await feed.next()
        early = group.create_task(feed.next())
        await reading.wait()
        late = group.create_task(feed.next())
        await asyncio.sleep(0)  # It finds the first slab used up, too.
        read_on.set()
        handed_out = [first, await early, await late, await feed.next(), await feed.next()]
    assert [request and request.index for request in handed_out] == [0, 1, 2, 3, None]
