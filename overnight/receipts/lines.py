"""A receipt's lines, read as they lie in storage."""

from collections.abc import AsyncGenerator, AsyncIterator

from overnight.jsonl.lines import LineSplitter
from overnight.outcomes.receipt_line import ReceiptLine, decode_line


async def read_receipt(content: AsyncIterator[bytes]) -> AsyncGenerator[list[ReceiptLine], None]:
    """Yield the lines of a receipt, some hundred kilobytes of them at a time. Raises msgspec.DecodeError."""
    splitter = LineSplitter()
    async for block in content:
        for slab in splitter.feed(block):
            yield [decode_line(line) for line in slab.lines]
    for slab in splitter.finish():
        yield [decode_line(line) for line in slab.lines]
