"""Verifying says nothing of a batch that adds up, and names whatever does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from overnight.domain.account import Account, Entry
from overnight.domain.file import BatchFileKind
from overnight.domain.layout import receipt_key
from overnight.domain.price import Price, Rates
from overnight.domain.status import StopReason
from overnight.domain.usage import TokenKind, Usage
from overnight.outcomes import ReceiptLine
from overnight.outcomes.receipt_line import encode_lines
from overnight.receipts import Claimed, verify
from overnight.receipts.verifying import Difference
from tests.overnight.receipts.batches import (
    BATCH,
    PRICE,
    SHARD,
    Ran,
    answered,
    blocks,
    failed,
    quoting,
    requests,
)

ANSWERS = [answered(0, "r-0", tokens=(3, 2)), answered(1, "r-1"), answered(3, "r-3", model="unlisted")]
WITH_A_CACHE = replace(PRICE, rates=(Rates(usd={**PRICE.rates[0].usd, TokenKind.CACHED: Decimal("0.05")}),))
OTHER = replace(PRICE, rates=(Rates(usd={TokenKind.INPUT: Decimal("0.2"), TokenKind.OUTPUT: Decimal(0)}),))


@dataclass(kw_only=True)
class Delivered:
    """What a client can fetch of a batch: r-0, r-1, r-3 were answered, the last unpriced; the rest failed."""

    claimed: Claimed
    receipt: list[ReceiptLine]
    requests: list[bytes] | None
    answers: list[bytes]
    failures: list[bytes]

    def differences(self) -> list[Difference]:
        return [
            *verify(
                self.claimed,
                receipt=iter(self.receipt),
                requests=None if self.requests is None else iter(self.requests),
                answers=iter(self.answers),
                failures=iter(self.failures),
            )
        ]

    def change(self, number: int, **fields: Any) -> None:
        """Have the receipt say something else of a line, by its 1-based place."""
        self.receipt[number - 1] = msgspec.structs.replace(self.receipt[number - 1], **fields)

    def claim(self, **fields: Any) -> None:
        self.claimed = replace(self.claimed, **fields)

    def price(self, prices: Mapping[str, Price]) -> None:
        self.claim(prices=prices)


@pytest.fixture
async def delivered() -> Delivered:
    ran = await Ran().of(requests(5))
    await ran.keep([*ANSWERS, failed(2, "r-2")])
    sealed = await ran.seal(missing=StopReason.CANCELLED)
    account = await ran.charge([quoting(), quoting(None, model="unlisted", reason="nobody knows it")])
    counts = sealed.counts
    return Delivered(
        claimed=Claimed(
            total=counts.total,
            completed=counts.completed,
            failed=counts.failed,
            usage=account.usage,
            priced=account.priced,
            unpriced=account.unpriced_lines,
            prices=account.prices,
        ),
        receipt=await ran.receipt(attempt="0010", charged=True),
        requests=requests(5).splitlines(),
        answers=await ran.lines(BatchFileKind.OUTPUT),
        failures=await ran.lines(BatchFileKind.ERROR),
    )


def test_there_is_nothing_to_say_of_a_batch_that_adds_up(delivered: Delivered) -> None:
    assert delivered.differences() == []
    assert delivered.claimed.priced == Decimal("0.3") + Decimal("0.5") + 9 * Decimal("0.000000000000000007")


def test_an_input_that_is_gone_is_not_compared(delivered: Delivered) -> None:
    delivered.requests = None
    assert delivered.differences() == []


def _swap(lines: list[Any]) -> None:
    lines[0], lines[1] = lines[1], lines[0]


def _other_answer(line: bytes, was: bytes, now: bytes) -> bytes:
    assert was in line
    return line.replace(was, now)


def _answer_with(delivered: Delivered, was: bytes, now: bytes) -> None:
    delivered.answers[0] = _other_answer(delivered.answers[0], was, now)


Tamper = Callable[[Delivered], object]
TAMPERED: dict[str, tuple[Tamper, int | None, str]] = {
    "a line is missing in the receipt": (
        lambda batch: batch.receipt.pop(1),
        2,
        "the receipt has line 3 in its place",
    ),
    "the last line is missing in the receipt": (
        lambda batch: batch.receipt.pop(),
        None,
        "there are 4 requests, and the batch says 5",
    ),
    "a line stands twice in the receipt": (
        lambda batch: batch.receipt.insert(1, batch.receipt[0]),
        2,
        "the receipt has line 1 in its place",
    ),
    "lines are swapped in the receipt": (
        lambda batch: _swap(batch.receipt),
        1,
        "the receipt has line 2 in its place",
    ),
    "a request is another": (
        lambda batch: _swap(batch.requests or []),
        1,
        "its request is another than the one that was answered",
    ),
    "a request is missing": (
        lambda batch: (batch.requests or []).pop(),
        5,
        "it is in the receipt and not in the input",
    ),
    "there are more requests": (
        lambda batch: (batch.requests or []).extend([b"{}", b"{}"]),
        None,
        "2 lines of the input are not in the receipt",
    ),
    "answers are swapped": (
        lambda batch: _swap(batch.answers),
        1,
        "the output file has 'r-1' where 'r-0' should be",
    ),
    "an answer was replaced": (
        lambda batch: _answer_with(batch, b'"index": 0', b'"index": 1'),
        1,
        "its line in the output file is not as it was delivered",
    ),
    "an answer is missing": (
        lambda batch: batch.answers.pop(),
        4,
        "it is in the receipt and not in the output file",
    ),
    "an answer is no JSON": (
        lambda batch: batch.answers.__setitem__(0, b"<html>"),
        1,
        "its line in the output file is no result",
    ),
    "an answer has no response": (
        lambda batch: batch.answers.__setitem__(0, b'{"custom_id":"r-0","response":null}'),
        1,
        "it was answered with a 200 and nothing in it",
    ),
    "there are more answers": (
        lambda batch: batch.answers.append(batch.answers[0]),
        None,
        "1 lines of the output file are not in the receipt",
    ),
    "a failure was replaced": (
        lambda batch: batch.failures.__setitem__(0, _other_answer(batch.failures[0], b"No.", b"Yes")),
        3,
        "its line in the error file is not as it was delivered",
    ),
    "a failure is missing": (
        lambda batch: batch.failures.pop(),
        5,
        "it is in the receipt and not in the error file",
    ),
    "there are more failures": (
        lambda batch: batch.failures.append(batch.failures[0]),
        None,
        "1 lines of the error file are not in the receipt",
    ),
    "tokens of a line are others": (
        lambda batch: batch.change(1, tokens={"input": 3, "output": 1}),
        1,
        "the receipt counts other tokens than its answer reports",
    ),
    "tokens of an answer are others": (
        lambda batch: _answer_with(batch, b'"prompt_tokens": 3', b'"prompt_tokens": 4'),
        1,
        "the receipt counts other tokens than its answer reports",
    ),
    "the service tier of a line is another": (
        lambda batch: batch.change(1, service_tier="flex"),
        1,
        "the receipt has another service tier than its answer names",
    ),
    "a price is that of another service tier": (
        lambda batch: batch.price({PRICE.id: replace(PRICE, service_tier="flex")}),
        1,
        "it was charged at the price of the service tier flex",
    ),
    "money of a line is another": (
        lambda batch: batch.change(1, cost_usd="0.300000000000000015"),
        1,
        "it cost $0.300000000000000015, but its tokens come to $0.300000000000000014",
    ),
    "the money of a line is gone": (
        lambda batch: batch.change(1, cost_usd=None),
        1,
        "it has no cost, and no reason is given",
    ),
    "the money of a line is gone with a reason": (
        lambda batch: batch.change(1, cost_usd=None, reason="a gift"),
        1,
        "it has no cost, but its tokens come to $0.300000000000000014",
    ),
    "the money of a line is no number": (
        lambda batch: batch.change(1, cost_usd="NaN"),
        1,
        "its cost of 'NaN' is no amount",
    ),
    "tokens of a line are of a strange kind": (
        lambda batch: batch.change(1, tokens={"input": 3, "output": 2, "dreams": 4}),
        1,
        "it counts tokens of a kind that nobody knows: dreams",
    ),
    "a price is not in the receipt": (
        lambda batch: batch.price({}),
        1,
        "it was charged at a price that the receipt does not have",
    ),
    "a price is another": (
        lambda batch: batch.price({PRICE.id: OTHER}),
        1,
        "it cost $0.300000000000000014, but its tokens come to $0.6",
    ),
    "a price is another where that does not show": (
        lambda batch: batch.price({PRICE.id: replace(PRICE, source="a friend")}),
        None,
        f"{PRICE.id} is another price than it was when answers were charged at it",
    ),
    "a line that failed has cost something": (
        lambda batch: batch.change(3, cost_usd="0.5"),
        3,
        "it has no answer and cost $0.5",
    ),
    "a line that failed has used something": (
        lambda batch: batch.change(3, tokens={"input": 3}),
        None,
        "the tokens of all lines are others than the batch says",
    ),
    "the total is another": (
        lambda batch: batch.claim(priced=Decimal("0.8")),
        None,
        "all lines come to $0.800000000000000063, and the batch says $0.8",
    ),
    "the tokens together are others": (
        lambda batch: batch.claim(usage=Usage(1, 0, 1)),
        None,
        "the tokens of all lines are others than the batch says",
    ),
    "the answers are not as many": (
        lambda batch: batch.claim(completed=4),
        None,
        "there are 3 answered requests, and the batch says 4",
    ),
    "the failures are not as many": (
        lambda batch: batch.claim(failed=0),
        None,
        "there are 2 failed requests, and the batch says 0",
    ),
    "what has no price is not as much": (
        lambda batch: batch.claim(unpriced=0),
        None,
        "there are 1 requests without a price, and the batch says 0",
    ),
}


@pytest.mark.parametrize(("tamper", "line", "what"), TAMPERED.values(), ids=TAMPERED.keys())
def test_what_was_tampered_with_is_named(
    delivered: Delivered, tamper: Tamper, line: int | None, what: str
) -> None:
    tamper(delivered)
    assert Difference(line, what) in delivered.differences()


def test_one_thing_that_is_wrong_is_one_difference(delivered: Delivered) -> None:
    _answer_with(delivered, b'"index": 0', b'"index": 1')
    assert len(delivered.differences()) == 1


@pytest.mark.parametrize(
    "body", [{"choices": []}, {"choices": None}, {"output": [], "choices": []}, {"data": {}, "choices": []}]
)
async def test_an_answer_with_nothing_in_it_is_named(body: dict[str, Any]) -> None:
    assert [Difference(1, "it was answered with a 200 and nothing in it")] == await _differences_of(body)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"index": 0, "message": {"content": ""}}]},
        {"choices": [], "output": [{"type": "message"}]},
        {"choices": [], "data": [{"embedding": [0.5]}]},
        {"choices": [], "results": [{"flagged": False}]},
        {"choices": [0]},
    ],
)
async def test_an_answer_of_any_endpoint_with_something_in_it_is_one(body: dict[str, Any]) -> None:
    assert await _differences_of(body) == []


async def test_a_receipt_of_a_version_that_did_not_look_for_service_tiers_adds_up() -> None:
    details = {"cached_tokens": 2, "cached_tokens_details": {"image_tokens": 1}}
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": details}
    ran = await Ran().of(requests(1))
    await ran.keep([answered(0, "r-0", tokens=None, usage=usage, service_tier="flex")])
    await ran.seal()
    (line,) = await ran.receipt()
    assert (line.service_tier, line.tokens["cached_image"]) == ("flex", 1)
    before = msgspec.structs.replace(
        line, service_tier=msgspec.UNSET, tokens={"input": 5, "cached": 2, "output": 7}
    )
    sealed = encode_lines([before])
    assert b"service_tier" not in sealed
    await ran.storage.put(receipt_key(BATCH, SHARD, attempt="0009", charged=False), blocks(sealed))
    assert await _differences_in(ran) == []
    (charged,) = await ran.receipt(attempt="0010", charged=True)
    assert (charged.tier, charged.price) == (None, WITH_A_CACHE.id)


VIDEO = {"prompt_tokens": 2, "completion_tokens": 7, "completion_tokens_details": {"video_tokens": 6}}
WITH_VIDEO = replace(
    PRICE, rates=(Rates(usd={**PRICE.rates[0].usd, TokenKind.OUTPUT_VIDEO: Decimal("0.05")}),)
)
UNREAD = {"completion_tokens": 7}
AS_TEXT = "0.200000000000000049"
UNREAD_FOR_NOTHING = "0.000000000000000049"


@pytest.mark.parametrize("usage", [VIDEO, UNREAD])
async def test_an_answer_of_which_a_part_can_t_be_charged_adds_up_without_a_cost(
    usage: dict[str, Any],
) -> None:
    ran = await _answered_with(usage)
    account = await ran.charge([quoting()])
    assert (account.cost, account.priced, account.unpriced_lines) == (None, 0, 1)
    assert await _verified(ran, account) == []


async def test_a_video_at_its_own_price_adds_up() -> None:
    ran = await _answered_with(VIDEO)
    account = await ran.charge([quoting(WITH_VIDEO)])
    assert account.cost == Decimal("0.2") + 6 * Decimal("0.05") + Decimal("0.000000000000000007")
    assert await _verified(ran, account) == []


@pytest.mark.parametrize(
    ("usage", "tokens", "cost"),
    [
        (VIDEO, {"input": 2, "output": 7}, AS_TEXT),
        (UNREAD, {"output": 7}, UNREAD_FOR_NOTHING),
    ],
)
async def test_a_receipt_of_a_version_that_charged_such_an_answer_adds_up_as_it_did(
    usage: dict[str, Any], tokens: dict[str, int], cost: str
) -> None:
    ran, before = await _charged_before(usage, tokens, cost)
    assert await _verified(ran, before) == []
    ran, dearer = await _charged_before(usage, tokens, f"{cost}1")
    told = Difference(1, f"it cost ${cost}1, but its tokens come to ${cost}")
    assert told in await _verified(ran, dearer)


async def test_a_receipt_at_a_price_of_video_has_to_count_the_video() -> None:
    ran, account = await _charged_before(VIDEO, {"input": 2, "output": 7}, AS_TEXT, price=WITH_VIDEO)
    what = "the receipt counts other tokens than its answer reports"
    assert await _verified(ran, account) == [Difference(1, what)]


async def _answered_with(usage: dict[str, Any]) -> Ran:
    ran = await Ran().of(requests(1))
    await ran.keep([answered(0, "r-0", tokens=None, usage=usage)])
    await ran.seal()
    return ran


async def _charged_before(
    usage: dict[str, Any], tokens: dict[str, int], cost: str, *, price: Price = PRICE
) -> tuple[Ran, Account]:
    """Have a shard's receipt as an earlier version has charged it."""
    ran = await _answered_with(usage)
    (line,) = await ran.receipt()
    charged = msgspec.structs.replace(line, tokens=tokens, price=price.id, cost_usd=cost)
    key = receipt_key(BATCH, SHARD, attempt="0010", charged=True)
    await ran.storage.put(key, blocks(encode_lines([charged])))
    entry = Entry(price=price.id, lines=1, usage=Usage(**tokens), usd={TokenKind.OUTPUT: Decimal(cost)})
    return ran, Account(entries=(entry,), prices={price.id: price})


async def _differences_of(body: dict[str, Any]) -> list[Difference]:
    ran = await Ran().of(requests(1))
    await ran.keep([answered(0, "r-0", **body)])
    await ran.seal()
    return await _differences_in(ran)


async def _differences_in(ran: Ran) -> list[Difference]:
    """Charge a shard of one answered line, and verify it."""
    return await _verified(ran, await ran.charge([quoting(WITH_A_CACHE)]))


async def _verified(ran: Ran, account: Account) -> list[Difference]:
    claimed = Claimed(
        total=1,
        completed=1,
        failed=0,
        usage=account.usage,
        priced=account.priced,
        unpriced=account.unpriced_lines,
        prices=account.prices,
    )
    return [
        *verify(
            claimed,
            receipt=iter(await ran.receipt(attempt="0010", charged=True)),
            requests=iter(requests(1).splitlines()),
            answers=iter(await ran.lines(BatchFileKind.OUTPUT)),
            failures=iter(()),
        )
    ]
