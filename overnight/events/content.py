"""The lines of a batch, each with what became of it: three files read side by side, in constant memory.

All are in input order, so the next outcome of a line is at the head of one of the two others, or it has none.
"""

import re
from collections.abc import AsyncIterator, Iterator

import msgspec

from overnight.domain.errors import ObjectNotFound
from overnight.events.protocol import Exchange, Exchanges
from overnight.jsonl.lines import LineSplitter, Slab
from overnight.storage.protocol import Storage

LONGEST_LINE = 64 * 2**20
"""A line longer than that is taken for one that is not there."""


class _Named(msgspec.Struct):
    custom_id: str


_named = msgspec.json.Decoder(_Named).decode
_BEGINNING = re.compile(rb'{"id":"[^"]*","custom_id":("(?:[^"\\]|\\.)*")')


def exchanges_in(storage: Storage, *, input_key: str, outcome_keys: tuple[str, ...]) -> Exchanges:
    """Return what reads the lines of an input and their outcomes. A file that was deleted has no lines."""

    async def read() -> AsyncIterator[Exchange]:
        outcomes = [_Outcomes(_lines(storage, key)) for key in outcome_keys]
        index = 0
        async for line in _lines(storage, input_key):
            custom_id = _named(line).custom_id
            answers = [await each.take(custom_id) for each in outcomes]
            yield Exchange(index, custom_id, line, next(filter(None, answers), None))
            index += 1

    return read


class _Outcomes:
    """One file of outcomes, of which the head is known."""

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines
        self._head: bytes | None = None
        self._custom_id: str | None = None
        self._ended = False

    async def take(self, custom_id: str) -> bytes | None:
        """Return the outcome of that line if it is the next one here."""
        if self._head is None and not self._ended:
            self._head = await anext(self._lines, None)
            self._ended = self._head is None
            self._custom_id = _name_of(self._head) if self._head else None
        if self._custom_id != custom_id:
            return None
        taken, self._head, self._custom_id = self._head, None, None
        return taken


def _name_of(outcome: bytes) -> str | None:
    try:
        return _named(outcome).custom_id
    except RecursionError:
        # An answer nested as deeply as can be read is a level deeper here. We have written the line.
        found = _BEGINNING.match(outcome)
        return msgspec.json.decode(found[1], type=str) if found else None


async def _lines(storage: Storage, key: str) -> AsyncIterator[bytes]:
    splitter = LineSplitter(limit=LONGEST_LINE)
    try:
        async for block in storage.get(key):
            for line in _whole(splitter.feed(block)):
                yield line
    except ObjectNotFound:
        return
    for line in _whole(splitter.finish()):
        yield line


def _whole(slabs: Iterator[Slab]) -> Iterator[bytes]:
    for slab in slabs:
        yield from (bytes(line).strip() for line in slab.lines if line.strip())
