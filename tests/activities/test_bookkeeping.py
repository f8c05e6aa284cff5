"""Bookkeeping: the row is there, it is written as often as it takes, and its list of problems has an end."""

from dataclasses import replace

import pytest
from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import SHOWN_PROBLEMS, Bookkeeping
from activities.payloads import ProgressReport, Record
from overnight.domain.batch import BatchChange, BatchError
from overnight.domain.errors import BatchOver
from overnight.domain.file import BatchFileKind
from overnight.domain.ids import output_file_id
from overnight.domain.layout import file_key
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.jsonl import encode_problem
from tests.activities.house import BATCH, House, bookkeeping, order


def books(house: House) -> Bookkeeping:
    return bookkeeping(house)


async def test_opening_a_batch_twice_makes_one_row(house: House) -> None:
    for _ in range(2):
        await ActivityEnvironment().run(books(house).open_batch, order())
    (batch,) = (await house.catalog.list_batches(project="default")).items
    assert (batch.order, batch.status) == (order(), BatchStatus.VALIDATING)


async def test_opening_a_batch_again_turns_nothing_back(house: House) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, BatchChange(revision=5, status=BatchStatus.IN_PROGRESS))
    await ActivityEnvironment().run(books(house).open_batch, order())
    assert (await house.catalog.batch(BATCH)).status is BatchStatus.IN_PROGRESS


async def test_a_picture_that_comes_too_late_learns_which_revision_is_there(house: House) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, BatchChange(revision=5, status=BatchStatus.IN_PROGRESS))
    late = Record(batch_id=BATCH, change=BatchChange(revision=3, status=BatchStatus.FINALIZING))
    assert await ActivityEnvironment().run(books(house).record, late) == 5


async def test_an_input_with_endless_problems_lists_the_first_thousand(house: House) -> None:
    problems = [BatchError(code="bad", message="no", line=number) for number in range(1, 1_501)]
    await house.put(file_key(output_file_id(BATCH, BatchFileKind.PROBLEMS)), *map(encode_problem, problems))
    await house.catalog.add_batch(order())
    change = BatchChange(revision=1, status=BatchStatus.FAILED, errors_total=len(problems))
    record = Record(batch_id=BATCH, change=change, problems=True)
    await ActivityEnvironment().run(books(house).record, record)
    batch = await house.catalog.batch(BATCH)
    assert batch.errors == tuple(problems[:SHOWN_PROBLEMS])
    assert (len(batch.errors), batch.errors_total) == (1_000, 1_500)


async def test_progress_is_the_sum_of_what_the_chunks_report(house: House) -> None:
    await house.catalog.add_batch(order())
    for chunk, waiting_on in enumerate([None, "connection refused"]):
        await house.catalog.report_progress(
            BATCH, shard=0, chunk=chunk, attempt="a", counts=Counts(10, 4, 1), tokens=7, waiting_on=waiting_on
        )
    report = await ActivityEnvironment().run(books(house).read_progress, BATCH)
    assert replace(report, at=None) == ProgressReport(
        completed=8, failed=2, tokens=14, waiting_on="connection refused"
    )


@pytest.mark.parametrize("status", [BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED])
async def test_a_batch_that_was_delivered_is_not_told_again(house: House, status: BatchStatus) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, BatchChange(revision=5, status=status))
    with pytest.raises(BatchOver):
        await ActivityEnvironment().run(books(house).open_batch, order())


async def test_a_batch_that_failed_may_be_told_again(house: House) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, BatchChange(revision=5, status=BatchStatus.FAILED))
    await ActivityEnvironment().run(books(house).open_batch, order())
