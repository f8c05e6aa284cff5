"""Where a request stands in its file, for people: the number of its line."""

from collections.abc import AsyncIterator, Collection

from overnight.jsonl.lines import LineSplitter
from overnight.jsonl.requests import is_blank


async def line_numbers(content: AsyncIterator[bytes], indices: Collection[int]) -> dict[int, int]:
    """Map 0-based indices of requests to the 1-based numbers of their lines; blank lines are no requests.

    Reads `content` no further than it must. An index beyond the end is left out.
    """
    splitter, numbers, index = LineSplitter(), dict[int, int](), 0
    async for block in content:
        for slab in splitter.feed(block):
            for number, line in enumerate(slab.lines, slab.number):
                if is_blank(line):
                    continue
                if index in indices:
                    numbers[index] = number
                index += 1
        if len(numbers) == len(indices):
            return numbers
    for slab in splitter.finish():
        if index in indices and not is_blank(slab.lines[0]):
            numbers[index] = slab.number
    return numbers
