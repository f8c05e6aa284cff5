"""What is wrong with a batch's input, one JSON object a line: there can be one problem a line of it."""

import heapq
from collections.abc import AsyncIterable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec

from overnight.domain.batch import BatchError
from overnight.jsonl.lines import LineSplitter

_BLOCK_BYTES = 2**20
_by_line = attrgetter("line")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(BatchError).decode


def encode_problem(problem: BatchError) -> bytes:
    """Return `problem` as one line of a stored list of problems."""
    return _encode(problem) + b"\n"


class ProblemLog:
    """Problems in line order, at most one a line, in the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        self.count = 0

    def add(self, problem: BatchError) -> None:
        """Note `problem`, whose line is no earlier than that of the one before."""
        self._file.write(encode_problem(problem))
        self.count += 1

    def close(self) -> None:
        """Make everything readable by `problems_in`."""
        self._file.close()


def problems_in(path: Path) -> Iterator[BatchError]:
    """Yield the problems that a ProblemLog left in `path`."""
    with path.open("rb") as file:
        yield from map(_decode, file)


def merged(first: Iterable[BatchError], second: Iterable[BatchError]) -> Iterator[BatchError]:
    """Yield the problems of both in line order, and of a line that both name only what `first` says."""
    in_order = heapq.merge(first, second, key=_by_line)
    for _line, same_line in groupby(in_order, key=_by_line):
        yield next(same_line)


def blocks_of(path: Path) -> Iterator[bytes]:
    """Yield the content of `path` in blocks of at most 1 MiB."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


async def read_problems(blocks: AsyncIterable[bytes], *, limit: int) -> list[BatchError]:
    """Return the first `limit` problems of a stored list, as `Inspection.problems_jsonl` made it."""
    splitter = LineSplitter()
    problems: list[BatchError] = []
    async for block in blocks:
        for slab in splitter.feed(block):
            problems += map(_decode, slab.lines[: limit - len(problems)])
        if len(problems) == limit:
            break
    return problems
