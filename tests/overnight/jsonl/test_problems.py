"""Problems that were stored are read back, as many as are wanted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from overnight.domain.batch import BatchError
from overnight.jsonl import read_problems
from overnight.jsonl.problems import ProblemLog, blocks_of, problems_in

PROBLEMS = [BatchError(code="invalid_url", message=f"Nö\n{n}", param="url", line=n) for n in range(1, 101)]


@pytest.fixture
def stored(tmp_path: Path) -> bytes:
    log = ProblemLog(tmp_path / "problems.jsonl")
    for problem in PROBLEMS:
        log.add(problem)
    log.close()
    assert list(problems_in(log.path)) == PROBLEMS
    return b"".join(blocks_of(log.path))


async def in_blocks(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1_000, 10**6])
@pytest.mark.parametrize("limit", [0, 1, 99, 100, 1_000])
async def test_the_first_problems_are_read(stored: bytes, size: int, limit: int) -> None:
    assert await read_problems(in_blocks(stored, size), limit=limit) == PROBLEMS[:limit]


async def test_no_problems_are_an_empty_list() -> None:
    assert await read_problems(in_blocks(b"", 1), limit=10) == []


async def test_an_input_as_a_whole_can_be_the_problem(tmp_path: Path) -> None:
    log = ProblemLog(tmp_path / "problems.jsonl")
    log.add(BatchError(code="empty_file", message="empty"))
    log.close()
    content = b"".join(blocks_of(log.path))
    assert await read_problems(in_blocks(content, 10), limit=5) == [
        BatchError(code="empty_file", message="empty")
    ]
