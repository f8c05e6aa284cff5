"""A receipt, added up again from the files it is about. Whoever has those needs to believe nobody.

Everything is in input order, so all files are walked side by side, in constant memory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import msgspec

from overnight.domain.price import OTHER_TIER, Price
from overnight.domain.usage import USAGE_FIELDS, TokenKind, Usage
from overnight.jsonl.requests import UNDECODABLE
from overnight.outcomes.answer import Spent, spent_in
from overnight.outcomes.receipt_line import ReceiptLine, digest, read_result, tokens_of
from overnight.pricing import charge, charge_as_told

_CONTENT = ("choices", "output", "data", "results")
"""Where an answer of one endpoint or another has what was asked for."""

_LONGEST_NOTHING = 16

_AMOUNT = re.compile(r"\d+(\.\d+)?", re.ASCII)

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What is said of a batch as a whole. `priced` is what answers with a price cost together."""

    total: int
    completed: int
    failed: int
    usage: Usage
    priced: Decimal
    unpriced: int
    prices: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not add up; `line` is the 1-based place in the input, None for the whole batch."""

    line: int | None
    what: str


def verify(
    claimed: Claimed,
    *,
    receipt: Iterator[ReceiptLine],
    requests: Iterator[bytes] | None,
    answers: Iterator[bytes],
    failures: Iterator[bytes],
) -> Iterator[Difference]:
    """Yield whatever does not add up, in input order; nothing if all does.

    `requests` are the lines of the input that are requests, None if they are no longer there to be compared;
    `answers` and `failures` are those of the output and of the error file.
    """
    for price_id, price in claimed.prices.items():
        if price.id != price_id:
            yield Difference(None, f"{price_id} is another price than it was when answers were charged at it")
    walk = _Walk(claimed.prices)
    for number, line in enumerate(receipt, start=1):
        yield from walk.place(number, line)
        if requests is not None:
            yield from walk.request(number, line, next(requests, None))
        yield from walk.result(number, line, next(answers if line.answered else failures, None))
        if nonsense := _nonsense_in(line):
            yield Difference(number, nonsense)
        else:
            yield from walk.money(number, line)
    for name, rest in (("input", requests), ("output file", answers), ("error file", failures)):
        left = sum(1 for _ in rest) if rest is not None else 0
        if left:
            yield Difference(None, f"{left:,} lines of the {name} are not in the receipt")
    yield from walk.totals(claimed)


class _Walk:
    """Compares line by line, and counts."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices
        self._completed = self._failed = self._unpriced = 0
        self._usage = Usage()
        self._priced = Decimal(0)

    def place(self, number: int, line: ReceiptLine) -> Iterator[Difference]:
        if line.index != number - 1:
            yield Difference(number, f"the receipt has line {line.index + 1} in its place")
        if line.answered:
            self._completed += 1
        else:
            self._failed += 1

    def request(self, number: int, line: ReceiptLine, request: bytes | None) -> Iterator[Difference]:
        if request is None:
            yield Difference(number, "it is in the receipt and not in the input")
        elif digest(request) != line.request_sha256:
            yield Difference(number, "its request is another than the one that was answered")

    def result(self, number: int, line: ReceiptLine, result: bytes | None) -> Iterator[Difference]:
        where = "output" if line.answered else "error"
        if result is None:
            yield Difference(number, f"it is in the receipt and not in the {where} file")
            return
        try:
            read = read_result(result)
        except UNDECODABLE:
            yield Difference(number, f"its line in the {where} file is no result")
            return
        if read.custom_id != line.custom_id:
            yield Difference(
                number, f"the {where} file has {read.custom_id!r} where {line.custom_id!r} should be"
            )
        elif digest(result) != line.response_sha256:
            yield Difference(number, f"its line in the {where} file is not as it was delivered")
        if line.answered:
            yield from self._answer(number, line, read.body)

    def _answer(self, number: int, line: ReceiptLine, body: bytes) -> Iterator[Difference]:
        if _is_empty(body):
            yield Difference(number, f"it was answered with a {line.status} and nothing in it")
        spent = _spent(body, line, self._prices.get(line.price or ""))
        if tokens_of(spent.usage) != line.tokens:
            yield Difference(number, "the receipt counts other tokens than its answer reports")
        if line.tier not in (spent.service_tier, spent.service_tier and OTHER_TIER):
            yield Difference(number, "the receipt has another service tier than its answer names")

    def money(self, number: int, line: ReceiptLine) -> Iterator[Difference]:
        self._usage += line.usage
        price = self._prices.get(line.price or "")
        if line.cost_usd is None:
            self._unpriced += 1
            if line.reason is None:
                yield Difference(number, "it has no cost, and no reason is given")
            elif price is not None and (due := charge(line.usage, price).total) is not None:
                yield Difference(number, f"it has no cost, but its tokens come to ${due:f}")
            return
        told = Decimal(line.cost_usd)
        self._priced += told
        if not line.answered:
            if told:
                yield Difference(number, f"it has no answer and cost ${told:f}")
        elif price is None:
            yield Difference(number, "it was charged at a price that the receipt does not have")
        elif price.service_tier not in (None, line.tier):
            yield Difference(number, f"it was charged at the price of the service tier {price.service_tier}")
        elif (due := _due(line.usage, price)) != told:
            yield Difference(number, f"it cost ${told:f}, but its tokens come to ${due or 0:f}")

    def totals(self, claimed: Claimed) -> Iterator[Difference]:
        counted = {
            "requests": (self._completed + self._failed, claimed.total),
            "answered requests": (self._completed, claimed.completed),
            "failed requests": (self._failed, claimed.failed),
            "requests without a price": (self._unpriced, claimed.unpriced),
        }
        for what, (found, told) in counted.items():
            if found != told:
                yield Difference(None, f"there are {found:,} {what}, and the batch says {told:,}")
        if tokens_of(self._usage) != tokens_of(claimed.usage):
            yield Difference(None, "the tokens of all lines are others than the batch says")
        if self._priced != claimed.priced:
            said = f"all lines come to ${self._priced:f}, and the batch says ${claimed.priced:f}"
            yield Difference(None, said)


def _due(usage: Usage, price: Price) -> Decimal | None:
    """Return what tokens come to, as an earlier version has charged them if this one would not."""
    due = charge(usage, price).total
    return charge_as_told(usage, price).total if due is None else due


def _spent(body: bytes, line: ReceiptLine, price: Price | None) -> Spent:
    """Return what an answer says of its cost, as far as whoever has made the receipt has looked for that."""
    spent = spent_in(body) if body else Spent()
    if TokenKind.OUTPUT_VIDEO not in line.tokens and not _has_price_of_video(price):
        # Earlier versions counted it as text; where video has a price, it was one that knows better.
        spent = Spent(replace(spent.usage, output_video=0), spent.service_tier)
    if line.service_tier is msgspec.UNSET:
        # Nor did that version look for images from the cache.
        return Spent(replace(spent.usage, cached_image=0))
    return spent


def _has_price_of_video(price: Price | None) -> bool:
    return price is not None and any(TokenKind.OUTPUT_VIDEO in rates.usd for rates in price.rates)


def _nonsense_in(line: ReceiptLine) -> str | None:
    """Say what there is in a line that nobody can reckon with, None if there is nothing."""
    if strange := sorted(line.tokens.keys() - set(USAGE_FIELDS)):
        return f"it counts tokens of a kind that nobody knows: {', '.join(strange)}"
    if line.cost_usd is not None and not _AMOUNT.fullmatch(line.cost_usd):
        return f"its cost of {line.cost_usd!r} is no amount"
    return None


def _is_empty(body: bytes) -> bool:
    try:
        fields = _fields(body)
    except UNDECODABLE:
        return True
    # What is longer is not empty, and need not be read.
    contents = [bytes(fields[name]) for name in _CONTENT if name in fields]
    return all(len(content) <= _LONGEST_NOTHING and not msgspec.json.decode(content) for content in contents)
