"""What a provider found wrong, in the numbers of the client's own file."""

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.plan import ShardPlan
from overnight.native_lane import in_our_numbers
from overnight.native_lane.complaints import SHOWN_ERRORS, SHOWN_OF_OTHERS
from overnight.storage.memory import MemoryStorage
from tests.overnight.native_lane.shards import INPUT, line, stored

BEFORE = b"\n" + line("0").replace(b"\n", b"\r\n") + b"\r\n" + line("1")
CHUNKS = [b" \n" + line("2") + b"\n" + line("3"), line("4").rstrip(b"\n")]
"""Requests 0 and 1 on lines 2 and 4 are of another shard; this one's are on lines 6, 8 and 9."""


def wrong(line: int | None) -> BatchError:
    return BatchError(code="invalid_json_line", message="This line is not good.", param="body", line=line)


async def told(
    *errors: BatchError, storage: MemoryStorage | None = None, plan: ShardPlan | None = None
) -> tuple[BatchError, ...]:
    storage = storage or MemoryStorage()
    plan = plan or await stored(storage, CHUNKS, before=BEFORE, first_index=2)
    return await in_our_numbers(errors, storage=storage, input_key=INPUT, plan=plan)


async def test_a_line_of_the_job_is_a_line_of_the_client_s_file() -> None:
    assert await told(wrong(1), wrong(2), wrong(3)) == (wrong(6), wrong(8), wrong(9))


async def test_they_stay_in_the_provider_s_order_and_a_line_may_be_wrong_twice() -> None:
    assert await told(wrong(3), wrong(1), wrong(3)) == (wrong(9), wrong(6), wrong(9))


@pytest.mark.parametrize("number", [0, -1, 4, 10**9])
async def test_the_number_of_no_line_of_the_job_is_left_out(number: int) -> None:
    assert await told(wrong(number), wrong(1)) == (wrong(None), wrong(6))


async def test_the_number_of_a_line_of_the_next_shard_is_left_out() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, CHUNKS, before=BEFORE, first_index=2)
    mine = ShardPlan(plan.chunks[:1])
    assert await told(wrong(2), wrong(3), storage=storage, plan=mine) == (wrong(8), wrong(None))


async def test_what_is_of_no_line_needs_no_input() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, CHUNKS)
    await storage.delete(INPUT)
    assert await told(wrong(None), storage=storage, plan=plan) == (wrong(None),)
    assert await told(storage=storage, plan=plan) == ()


async def test_of_very_many_the_first_are_told() -> None:
    storage = MemoryStorage()
    count = SHOWN_ERRORS + 200
    plan = await stored(storage, [b"".join(b"\n" + line(str(number)) for number in range(count))])
    errors = await told(*(wrong(number + 1) for number in range(count)), storage=storage, plan=plan)
    assert [error.line for error in errors] == [2 * (number + 1) for number in range(SHOWN_ERRORS)]


async def test_of_any_shard_but_the_first_few_are_told() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, CHUNKS)
    errors = [wrong(None)] * 100
    told_of = await in_our_numbers(errors, storage=storage, input_key=INPUT, plan=plan, shard=1)
    assert len(told_of) == SHOWN_OF_OTHERS
