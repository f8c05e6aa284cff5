"""A batch's lines beside their outcomes: three files read abreast."""

import json
from collections.abc import AsyncIterator, Iterable

from overnight.events.content import exchanges_in
from overnight.events.protocol import Exchange
from overnight.storage.memory import MemoryStorage

OUTCOMES = ("output", "error")


def lines(ids: Iterable[int], *, what: str) -> bytes:
    return b"".join(json.dumps({"custom_id": f"r-{n}", what: n}).encode() + b"\n" for n in ids)


async def stored(**files: bytes) -> MemoryStorage:
    storage = MemoryStorage()
    for key, content in files.items():

        async def once(content: bytes = content) -> AsyncIterator[bytes]:
            yield content

        await storage.put(key, once())
    return storage


async def read(storage: MemoryStorage) -> list[Exchange]:
    exchanges = exchanges_in(storage, input_key="input", outcome_keys=OUTCOMES)
    return [exchange async for exchange in exchanges()]


async def test_every_line_is_with_its_outcome_whichever_file_that_is_in() -> None:
    storage = await stored(
        input=lines(range(6), what="ask"),
        output=lines([0, 2, 3], what="answer"),
        error=lines([1, 5], what="why"),
    )
    exchanges = await read(storage)
    assert [each.index for each in exchanges] == list(range(6))
    assert [each.custom_id for each in exchanges] == [f"r-{n}" for n in range(6)]
    answers = [json.loads(each.answer) if each.answer else None for each in exchanges]
    assert [answer and answer["custom_id"] for answer in answers] == ["r-0", "r-1", "r-2", "r-3", None, "r-5"]


async def test_a_file_that_is_not_there_has_no_lines() -> None:
    exchanges = await read(await stored(input=lines(range(2), what="ask")))
    assert [each.answer for each in exchanges] == [None, None]
    assert await read(MemoryStorage()) == []


async def test_line_ends_of_windows_and_a_missing_last_one_are_no_part_of_a_line() -> None:
    exchanges = await read(await stored(input=b'{"custom_id":"a"}\r\n\r\n{"custom_id":"b"}'))
    assert [each.request for each in exchanges] == [b'{"custom_id":"a"}', b'{"custom_id":"b"}']


async def test_an_outcome_that_is_nested_too_deeply_to_be_read_is_told_by_how_it_begins() -> None:
    body = b"[" * 5_000 + b"]" * 5_000
    head = b'{"id":"batch_req_1","custom_id":"r-0","response":{"status_code":200,"request_id":"x","body":'
    deep = head + body + b'},"error":null}'
    exchanges = await read(await stored(input=lines([0, 1], what="ask"), output=deep + b"\n"))
    assert [each.answer for each in exchanges] == [deep, None]
