"""Chunks and shards are as large as they may be, and no larger."""

from overnight.domain.plan import (
    MAX_CHUNK_BYTES,
    MAX_CHUNK_LINES,
    MAX_SHARD_BYTES,
    MAX_SHARD_CHUNKS,
    MAX_SHARD_LINES,
    Chunk,
    ShardPlan,
)
from overnight.jsonl.planner import Planner


def plan(lengths: list[int], *, run: int) -> tuple[ShardPlan, ...]:
    planner, offset = Planner(), 0
    for start in range(0, len(lengths), run):
        part = lengths[start : start + run]
        planner.add(offset, part)
        offset += sum(part) + len(part)
    return planner.finish()


def test_no_lines_make_no_shards() -> None:
    assert Planner().finish() == ()


def test_lines_are_cut_by_number() -> None:
    (shard,) = plan([10] * (MAX_CHUNK_LINES + 1), run=700)
    assert shard.chunks == (
        Chunk(0, 11 * MAX_CHUNK_LINES - 1, 0, MAX_CHUNK_LINES),
        Chunk(11 * MAX_CHUNK_LINES, 10, MAX_CHUNK_LINES, 1),
    )


def test_lines_are_cut_by_size_and_a_larger_one_stands_alone() -> None:
    half = MAX_CHUNK_BYTES // 2
    (shard,) = plan([half, half - 1, 5, 3 * half, 5], run=5)
    assert [(chunk.lines, chunk.length) for chunk in shard.chunks] == [
        (2, MAX_CHUNK_BYTES),
        (1, 5),
        (1, 3 * half),
        (1, 5),
    ]


def test_how_lines_arrive_makes_no_difference() -> None:
    lengths = [(n * 7_919) % 60_000 for n in range(5_000)]
    assert plan(lengths, run=1) == plan(lengths, run=37) == plan(lengths, run=5_000)


def test_shards_keep_all_three_bounds() -> None:
    by_lines = plan([1] * (2 * MAX_SHARD_LINES), run=9_999)
    by_bytes = plan([MAX_CHUNK_BYTES] * 30, run=30)
    by_chunks = plan([1_500_000, MAX_CHUNK_BYTES - 10, 20] * 100, run=300)
    assert [shard.lines for shard in by_lines] == [MAX_SHARD_LINES] * 2
    for shard in (*by_lines, *by_bytes, *by_chunks):
        assert shard.lines <= MAX_SHARD_LINES
        assert len(shard.chunks) <= MAX_SHARD_CHUNKS
        assert sum(chunk.length for chunk in shard.chunks) <= MAX_SHARD_BYTES
    assert [len(shard.chunks) for shard in by_bytes] == [11, 11, 8]


def test_blank_space_belongs_to_no_chunk_and_can_end_one() -> None:
    planner = Planner()
    planner.add(100, [10])
    planner.add(200, [10])
    planner.add(200 + MAX_CHUNK_BYTES, [10])
    (shard,) = planner.finish()
    assert shard.chunks == (Chunk(100, 110, 0, 2), Chunk(200 + MAX_CHUNK_BYTES, 10, 2, 1))
