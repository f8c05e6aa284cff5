"""Sealing: each line of a shard has one outcome and one line of the receipt, in input order."""

import hashlib
import json
import random
import struct

import pytest

from overnight.domain.file import BatchFileKind
from overnight.domain.status import StopReason
from overnight.domain.usage import Counts, Usage
from overnight.outcomes import ReceiptLine, UnansweredLines
from overnight.outcomes.receipt_line import LineOutcome
from overnight.outcomes.record import NOBODY
from overnight.outcomes.seal import MAX_SERVED, Served
from tests.overnight.native_lane.shards import line
from tests.overnight.receipts.batches import (
    HERE,
    THERE,
    Ran,
    answered,
    failed,
    quoting,
    requests,
    unanswered,
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def assert_complete(ran: Ran, inputs: list[bytes], *, first_index: int = 0) -> list[ReceiptLine]:
    """Check that each input line has its line in the receipt, with the hashes of what there is."""
    receipt = await ran.receipt()
    files = {
        LineOutcome.ANSWERED: iter(await ran.lines(BatchFileKind.OUTPUT)),
        LineOutcome.FAILED: iter(await ran.lines(BatchFileKind.ERROR)),
    }
    assert [each.index for each in receipt] == [*range(first_index, first_index + len(inputs))]
    for each, asked in zip(receipt, inputs, strict=True):
        result = next(files[each.outcome])
        assert each.custom_id == json.loads(asked)["custom_id"] == json.loads(result)["custom_id"]
        assert each.request_sha256 == sha256(asked)
        assert each.response_sha256 == sha256(result)
    assert all(next(rest, None) is None for rest in files.values())
    return receipt


async def test_every_line_has_one_line_of_the_receipt_in_input_order() -> None:
    ran = await Ran().of(requests(3), b"".join(line(f"s-{n}") for n in range(2)), first_index=100)
    records = [answered(100, "r-0", tokens=(5, 7)), failed(101, "r-1"), answered(102, "r-2", tokens=(1, 0))]
    random.Random(1).shuffle(records)  # noqa: S311 - a shuffle that can be repeated
    await ran.keep(records)
    await ran.keep([answered(104, "s-1", source=THERE)], chunk=1, source=THERE)
    await ran.keep([failed(103, "s-0")], chunk=1)

    sealed = await ran.seal()

    inputs = (requests(3) + line("s-0") + line("s-1")).splitlines()
    receipt = await assert_complete(ran, inputs, first_index=100)
    assert sealed.counts == Counts(5, 3, 2)
    assert sealed.usage == Usage(input=11, output=14)
    assert sealed.served == (Served("dep_1", "m"), Served("dep_2", "m"))
    assert [(each.deployment, each.job) for each in receipt[3:]] == [("dep_1", "job_1"), ("dep_2", None)]
    assert receipt[0].tokens == {"input": 5, "output": 7}
    assert (receipt[1].status, receipt[1].tokens, receipt[1].model) == (400, {}, None)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\n\n", b"\n \t\r\n"], ids=repr)
async def test_a_request_is_hashed_as_it_stands_in_the_input_without_its_newline(newline: bytes) -> None:
    content = b"\n" + requests(3, newline=newline).removesuffix(newline)
    ran = await Ran().of(content)
    await ran.keep([answered(number, f"r-{number}") for number in range(3)])
    await ran.seal()
    # A carriage return belongs to the line, and blank lines are no requests.
    await assert_complete(ran, [each for each in content.split(b"\n") if each.strip()])


async def test_a_line_without_an_outcome_gets_the_reason_and_its_place_in_the_receipt() -> None:
    ran = await Ran().of(requests(4))
    await ran.keep([answered(2, "r-2")])
    sealed = await ran.seal(missing=StopReason.CANCELLED)
    receipt = await assert_complete(ran, requests(4).splitlines())
    assert sealed.counts == Counts(4, 1, 3)
    assert [each.code for each in receipt] == ["batch_cancelled", "batch_cancelled", None, "batch_cancelled"]
    # Nobody was asked.
    assert [each.deployment for each in receipt] == [None, None, "dep_1", None]
    assert [each.status for each in receipt] == [None, None, 200, None]


async def test_a_shard_whose_lines_have_no_outcome_and_no_reason_is_not_sealed() -> None:
    ran = await Ran().of(requests(4))
    await ran.keep([answered(0, "r-0"), answered(2, "r-2")])
    with pytest.raises(UnansweredLines) as caught:
        await ran.seal()
    assert (caught.value.missing, caught.value.first_index) == (2, 1)


async def test_of_two_attempts_the_first_outcome_of_a_line_counts_in_output_and_receipt() -> None:
    ran = await Ran().of(requests(3))
    await ran.keep([answered(0, "r-0", tokens=(1, 1)), answered(1, "r-1", tokens=(1, 1))], attempt="0001")
    late = [answered(number, f"r-{number}", tokens=(9, 9), source=THERE) for number in (1, 2)]
    await ran.keep(late, attempt="0002", source=THERE)
    sealed = await ran.seal()
    receipt = await assert_complete(ran, requests(3).splitlines())
    assert [each.deployment for each in receipt] == ["dep_1", "dep_1", "dep_2"]
    assert sealed.usage == Usage(input=11, output=11)


async def test_what_an_earlier_version_has_kept_is_sealed_as_nobody_s() -> None:
    ran = await Ran().of(requests(2))
    old = answered(0, "r-0", tokens=(5, 7))
    head = struct.pack("<IBQQQQHI", 0, 1, 5, 0, 7, 0, 1, len(old.line))
    await ran.keep_as_is(b"overnight part 1\n" + head + b"m" + old.line)
    await ran.keep([answered(1, "r-1")], attempt="0002")
    sealed = await ran.seal()
    receipt = await assert_complete(ran, requests(2).splitlines())
    assert [each.deployment for each in receipt] == [None, "dep_1"]
    assert receipt[0].tokens == {"input": 5, "output": 7}
    assert sealed.served == (Served(None, "m"), Served("dep_1", "m"))
    account = await ran.charge()
    assert account.unpriced_lines == 1
    (_, unknown) = sorted(account.entries, key=lambda entry: entry.reason or "")
    assert unknown.reason == "an earlier version has kept this answer, and not whose it is"


async def test_sealing_again_makes_the_same_bytes() -> None:
    ran = await Ran().of(requests(3))
    await ran.keep([answered(0, "r-0"), failed(2, "r-2")])
    assert (await ran.seal(attempt="0001", missing=StopReason.EXPIRED)).counts == Counts(3, 1, 2)
    await ran.seal(attempt="0002", missing=StopReason.EXPIRED)
    for kind in (BatchFileKind.OUTPUT, BatchFileKind.ERROR):
        assert await ran.lines(kind, attempt="0001") == await ran.lines(kind, attempt="0002") != []
    assert await ran.receipt(attempt="0001") == await ran.receipt(attempt="0002")


async def test_a_shard_without_any_answer_has_a_receipt_all_the_same() -> None:
    ran = await Ran().of(requests(2))
    sealed = await ran.seal(missing=StopReason.CANCELLED)
    assert (sealed.output, sealed.served) == (None, ())
    await assert_complete(ran, requests(2).splitlines())


async def test_who_calls_itself_something_new_each_time_is_counted_without_a_name_in_the_end() -> None:
    count = MAX_SERVED + 5
    ran = await Ran().of(requests(2 * count))
    await ran.keep([answered(n, f"r-{n}", model=f"m-{n}") for n in range(count)])
    # That one deployment makes up names is no reason to forget those of another.
    others = [answered(n, f"r-{n}", model="known", source=THERE) for n in range(count, 2 * count)]
    await ran.keep(others, source=THERE)
    sealed = await ran.seal()
    receipt = await assert_complete(ran, requests(2 * count).splitlines())
    named = [f"m-{n}" for n in range(MAX_SERVED)]
    assert [each.model for each in receipt] == [*named, *[None] * 5, *["known"] * count]
    assert len(sealed.served) == MAX_SERVED + 2
    quotes = [quoting(deployment=each.deployment or "", model=each.model) for each in sealed.served]
    account = await ran.charge(quotes)
    assert sum(entry.lines for entry in account.entries) == 2 * count
    assert account.unpriced_lines == 0


async def test_who_makes_up_service_tiers_is_not_charged_as_usual_in_the_end() -> None:
    count = MAX_SERVED + 5
    ran = await Ran().of(requests(count + 1))
    await ran.keep([answered(n, f"r-{n}", service_tier=f"tier-{n}") for n in range(count)])
    await ran.keep([answered(count, f"r-{count}")])
    sealed = await ran.seal()
    tiers = [each.service_tier for each in await ran.receipt()]
    assert tiers == [*(f"tier-{n}" for n in range(MAX_SERVED)), *["other"] * 5, None]
    assert len(sealed.served) == MAX_SERVED + 2


async def test_an_outcome_that_nobody_was_asked_for_says_so() -> None:
    ran = await Ran().of(requests(1))
    await ran.keep([unanswered(0, "r-0", code="job_gone")], source=NOBODY)
    await ran.seal()
    (only,) = await ran.receipt()
    assert (only.deployment, only.job, only.status, only.code) == (None, None, None, "job_gone")
    assert HERE != NOBODY
