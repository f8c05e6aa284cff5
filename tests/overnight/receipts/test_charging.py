"""Charging a sealed shard: all lines together come to the total, and a repeat to the same bytes."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from overnight.domain.layout import receipt_key
from overnight.domain.price import Quote
from overnight.domain.status import StopReason
from overnight.domain.usage import Usage
from overnight.outcomes import Record
from tests.overnight.receipts.batches import (
    BATCH,
    FREE,
    HERE,
    PRICE,
    SHARD,
    THERE,
    Ran,
    answered,
    failed,
    quoting,
    requests,
)
from tests.overnight.translate.fuzzing import PATIENT

QUOTES = (
    quoting(),
    quoting(FREE, deployment="dep_2"),
    quoting(None, model="unlisted", reason="nobody knows it"),
)
_COUNTS = st.none() | st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))
_OUTCOMES = st.lists(
    st.tuples(st.sampled_from(["answer", "refusal", "nothing"]), _COUNTS, st.sampled_from(["m", "unlisted"])),
    min_size=1,
    max_size=12,
)


async def charged(records: list[Record], *, of: int, quotes: tuple[Quote, ...] = QUOTES) -> Ran:
    ran = await Ran().of(requests(of))
    await ran.keep([each for each in records if each.source == HERE])
    await ran.keep([each for each in records if each.source == THERE], source=THERE)
    await ran.seal(missing=StopReason.CANCELLED)
    await ran.charge(quotes)
    return ran


@PATIENT
@given(_OUTCOMES)
def test_all_lines_come_to_the_total(outcomes: list[tuple[str, tuple[int, int] | None, str]]) -> None:
    records = []
    for index, (what, tokens, model) in enumerate(outcomes):
        source = THERE if model == "m" and index % 2 else HERE
        if what == "answer":
            records.append(answered(index, f"r-{index}", tokens=tokens, model=model, source=source))
        elif what == "refusal":
            records.append(failed(index, f"r-{index}"))

    async def check() -> None:
        ran = await charged(records, of=len(outcomes))
        account = await ran.charge(QUOTES)
        lines = await ran.receipt(attempt="0010", charged=True)
        priced = [Decimal(line.cost_usd) for line in lines if line.cost_usd is not None]
        assert account.priced == sum(priced, Decimal(0)) == sum(account.usd.values(), Decimal(0))
        assert account.unpriced_lines == sum(line.cost_usd is None for line in lines)
        assert (account.cost is None) == (account.unpriced_lines > 0)
        assert account.usage == sum((line.usage for line in lines), Usage())
        assert sum(entry.lines for entry in account.entries) == sum(line.answered for line in lines)
        for line in lines:
            assert (line.cost_usd is None) == (line.reason is not None)
            assert line.answered or line.cost_usd == "0"

    asyncio.run(check())


async def test_a_line_says_at_which_price_it_was_charged_and_what_it_came_to() -> None:
    answers = [answered(0, "r-0", tokens=(3, 2)), answered(1, "r-1", source=THERE)]
    ran = await charged([*answers, failed(2, "r-2")], of=4)
    first, free, refused, nothing = await ran.receipt(attempt="0010", charged=True)
    # 3 × 0.1 + 2 × 0.000000000000000007
    assert (first.price, first.cost_usd) == (PRICE.id, "0.300000000000000014")
    assert (first.provider, first.deployment, first.job, first.model) == ("openai", "dep_1", "job_1", "m")
    assert free.price == FREE.id
    assert Decimal(free.cost_usd or "") == 0
    assert (refused.cost_usd, refused.price, refused.provider) == ("0", None, "openai")
    assert (nothing.cost_usd, nothing.price, nothing.provider) == ("0", None, None)


async def test_a_line_without_a_price_says_why() -> None:
    records = [answered(0, "r-0", model="unlisted"), answered(1, "r-1", tokens=None)]
    ran = await charged(records, of=2)
    unknown, silent = await ran.receipt(attempt="0010", charged=True)
    assert (unknown.cost_usd, unknown.price, unknown.reason) == (None, None, "nobody knows it")
    assert (silent.cost_usd, silent.reason) == (None, "the answer does not say how many tokens it used")


async def test_an_answer_is_charged_at_the_price_of_the_service_tier_that_it_names() -> None:
    flex = replace(FREE, service_tier="flex")
    tiers = ["flex", "default", None, "scale"]
    ran = await Ran().of(requests(len(tiers)))
    await ran.keep([answered(n, f"r-{n}", service_tier=tier) for n, tier in enumerate(tiers)])
    sealed = await ran.seal()
    assert {each.service_tier for each in sealed.served} == {None, "flex", "scale"}
    account = await ran.charge(
        [
            quoting(),
            quoting(flex, service_tier="flex"),
            quoting(None, reason="nobody knows", service_tier="scale"),
        ]
    )
    receipt = await ran.receipt(attempt="0010", charged=True)
    assert [line.service_tier for line in receipt] == ["flex", None, None, "scale"]
    assert [line.price for line in receipt] == [flex.id, PRICE.id, PRICE.id, None]
    assert receipt[3].reason == "nobody knows"
    assert sorted(entry.lines for entry in account.entries) == [1, 1, 2]


async def test_charging_again_makes_the_same_bytes_and_the_same_account() -> None:
    records = [answered(number, f"r-{number}", tokens=(number, 1)) for number in range(20)]
    ran = await charged(records, of=20)
    accounts = [await ran.charge(QUOTES, attempt=attempt) for attempt in ("0011", "0012")]
    assert accounts[0] == accounts[1]
    first, second = [
        await ran.content(receipt_key(BATCH, SHARD, attempt=attempt, charged=True))
        for attempt in ("0011", "0012")
    ]
    assert first == second != b""


async def test_what_was_sealed_is_kept_but_for_the_money() -> None:
    ran = await charged([answered(0, "r-0"), failed(1, "r-1")], of=3)
    for before, after in zip(
        await ran.receipt(), await ran.receipt(attempt="0010", charged=True), strict=True
    ):
        for name in ("index", "custom_id", "outcome", "request_sha256", "response_sha256", "tokens", "job"):
            assert getattr(before, name) == getattr(after, name)
