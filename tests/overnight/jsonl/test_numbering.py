"""Line numbers, as an editor shows them, of requests that are counted without the blank lines."""

from collections.abc import AsyncIterator

import pytest

from overnight.jsonl import line_numbers

INPUT = b'\n{"a":0}\n \t\n\r\n{"a":1}\r\n{"a":2}\n\n\n{"a":3}'
"""Requests on lines 2, 5, 6 and 9."""


class Source:
    """Bytes in blocks of a size, and how many blocks were asked for."""

    def __init__(self, content: bytes, *, block: int) -> None:
        self._content = content
        self._block = block
        self.read = 0

    async def blocks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), self._block):
            self.read += 1
            yield self._content[start : start + self._block]


async def numbers(content: bytes, *indices: int, block: int = 1_000) -> dict[int, int]:
    return await line_numbers(Source(content, block=block).blocks(), indices)


@pytest.mark.parametrize("block", [1, 2, 7, 1_000])
async def test_blank_lines_have_a_number_and_are_no_request(block: int) -> None:
    assert await numbers(INPUT, 0, 1, 2, 3, block=block) == {0: 2, 1: 5, 2: 6, 3: 9}


async def test_only_what_is_asked_for_is_told() -> None:
    assert await numbers(INPUT, 2) == {2: 6}
    assert await numbers(INPUT) == {}


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\n \n"])
async def test_the_last_line_counts_with_and_without_a_newline(ending: bytes) -> None:
    assert await numbers(INPUT + ending, 3) == {3: 9}


async def test_what_is_beyond_the_end_or_before_the_beginning_is_left_out() -> None:
    assert await numbers(INPUT, -1, 3, 4) == {3: 9}
    assert await numbers(b"", 0) == {}
    assert await numbers(b"\n\n \r\n", 0) == {}


async def test_no_more_is_read_than_needed() -> None:
    source = Source(b'{"a":0}\n' * 1_000, block=80)
    assert await line_numbers(source.blocks(), {25}) == {25: 26}
    assert source.read == 3


async def test_a_line_longer_than_a_slab_is_one_line() -> None:
    long = b'{"a":"' + b"x" * 600_000 + b'"}\n'
    assert await numbers(b"\n" + long + b"\n" + long, 0, 1, block=50_000) == {0: 2, 1: 4}
