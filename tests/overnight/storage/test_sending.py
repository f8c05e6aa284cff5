"""Objects cut into parts, and parts under way."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from overnight.storage import sending
from overnight.storage.sending import Part, parts, send_all
from tests.overnight.storage.streams import ProducerBroke, breaks_after, pattern, stream


async def cut(content: AsyncIterator[bytes], part_bytes: int = 10) -> list[Part]:
    return [part async for part in parts(content, part_bytes=part_bytes)]


async def given(made: Iterable[Part]) -> AsyncIterator[Part]:
    for part in made:
        yield part


def part(number: int, size: int = 10) -> Part:
    return Part(number, number * size, bytes(size), is_last=False)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 19, 20, 21, 99])
@pytest.mark.parametrize("piece", [1, 3, 10, 64])
async def test_parts_are_full_but_for_the_last_and_are_the_content(size: int, piece: int) -> None:
    content = pattern(size)

    made = await cut(stream(content[at : at + piece] for at in range(0, size, piece)))

    assert b"".join(each.content for each in made) == content
    assert [len(each.content) for each in made[:-1]] == [10] * (len(made) - 1)
    assert len(made) == max(1, -(-size // 10))
    assert [each.is_last for each in made] == [False] * (len(made) - 1) + [True]
    assert [each.number for each in made] == list(range(len(made)))
    assert [each.offset for each in made] == [10 * number for number in range(len(made))]


async def test_ten_thousand_parts_are_enough_for_the_largest_batch() -> None:
    largest = 461_000_000_000
    sizes = (sending.PART_BYTES * (1 + number // sending.PARTS_OF_A_SIZE) for number in range(10_000))
    assert sum(sizes) >= largest


async def test_parts_grow_so_that_there_are_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PARTS_OF_A_SIZE", 2)
    made = await cut(stream([pattern(75)]))
    assert [len(each.content) for each in made] == [10, 10, 20, 20, 15]
    assert [each.offset for each in made] == [0, 10, 20, 40, 60]


async def test_parts_are_sent_at_once_up_to_a_bound() -> None:
    go_on = asyncio.Event()
    under_way: set[int] = set()
    most = 0

    async def send(each: Part) -> None:
        nonlocal most
        under_way.add(each.number)
        most = max(most, len(under_way))
        if len(under_way) == 3:
            go_on.set()
        await go_on.wait()
        await asyncio.sleep(0)
        under_way.remove(each.number)

    size = await send_all(part(0), given(map(part, range(1, 20))), send, in_flight_bytes=35)

    assert (size, most, under_way) == (200, 3, set())


async def test_a_part_that_is_larger_than_the_bound_goes_alone() -> None:
    under_way = 0

    async def send(_: Part) -> None:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0)
        under_way -= 1

    assert await send_all(part(0), given(map(part, range(1, 5))), send, in_flight_bytes=3) == 50


async def test_a_part_that_fails_stops_the_others_before_it_is_told() -> None:
    under_way: set[int] = set()

    async def send(each: Part) -> None:
        if each.number == 1:
            raise ProducerBroke
        under_way.add(each.number)
        try:
            await asyncio.Event().wait() if each.number else None
        finally:
            await asyncio.sleep(0)
            under_way.remove(each.number)

    with pytest.raises(ProducerBroke):
        await send_all(part(0), given(map(part, range(1, 20))), send, in_flight_bytes=35)
    assert under_way == set()


async def test_content_that_breaks_is_told_once_nothing_is_under_way() -> None:
    under_way: set[int] = set()

    async def send(each: Part) -> None:
        under_way.add(each.number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            under_way.remove(each.number)

    broken = parts(breaks_after(bytes(25)), part_bytes=10)
    with pytest.raises(ProducerBroke):
        await send_all(await anext(broken), broken, send, in_flight_bytes=100)
    assert under_way == set()
