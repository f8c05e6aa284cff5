"""What batches have cost: written once, at their end, and added up to the last digit."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from overnight.catalog import Catalog
from overnight.domain.account import Account, Entry
from overnight.domain.batch import BatchChange, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.price import Price, Rates
from overnight.domain.spend import Spend, SpendBy, SpendQuery
from overnight.domain.status import BatchStatus
from overnight.domain.usage import TokenKind, Usage

NOW = datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=UTC)
PRICE = Price(
    source="genai-prices 1",
    model="openai/m",
    discount=Decimal("0.5"),
    rates=(
        Rates(usd={TokenKind.INPUT: Decimal("0.000000000000000001"), TokenKind.OUTPUT: Decimal("2E-7")}),
        Rates(usd={TokenKind.INPUT: Decimal("0.1")}, above=200_000),
    ),
)


def order(number: int, **fields: Any) -> BatchOrder:
    return BatchOrder(
        **{
            "batch_id": f"batch_{number}",
            "project": "default",
            "input_file_id": "file-in",
            "endpoint": Endpoint.CHAT_COMPLETIONS,
            "completion_window": "24h",
            "window": timedelta(hours=24),
            "created_at": NOW,
            **fields,
        }
    )


def entry(usd: str | None = "0.1", **fields: Any) -> Entry:
    amounts = {} if usd is None else {TokenKind.INPUT: Decimal(usd)}
    return Entry(
        **{
            "deployment": "dep_1",
            "provider": "openai",
            "model": "m",
            "price": None if usd is None else PRICE.id,
            "reason": "nobody knows it" if usd is None else None,
            "lines": 1,
            "usage": Usage(input=5, cached=1, output=7, reasoning=2),
            "usd": amounts,
            **fields,
        }
    )


def ended(
    *entries: Entry, revision: int = 9, status: BatchStatus = BatchStatus.COMPLETED, at: datetime = NOW
) -> BatchChange:
    return BatchChange(
        revision=revision,
        status=status,
        stamps=Stamps(**{f"{status}_at": at}),
        account=Account(entries=entries, prices={PRICE.id: PRICE}),
        receipt_file_id="file-receipt",
    )


class Books:
    """A catalog that batches are written to, and asked."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._count = 0

    async def ran(self, *entries: Entry, at: datetime = NOW, **fields: Any) -> str:
        """Have a batch that ended."""
        self._count += 1
        placed = order(self._count, **fields)
        await self.catalog.add_batch(placed)
        await self.catalog.record(placed.batch_id, ended(*entries, at=at))
        return placed.batch_id

    async def spend(self, *by: SpendBy, **fields: Any) -> list[Spend]:
        return await self.catalog.spend(SpendQuery(**{"project": "default", **fields}, by=by))

    async def by(self, *by: SpendBy, **fields: Any) -> dict[Any, Decimal]:
        """What each group has cost; groups of several things are tuples."""
        found = await self.spend(*by, **fields)
        keys = [tuple(each.group[one] for one in by) for each in found]
        assert len(set(keys)) == len(keys)
        names = [key[0] if len(by) == 1 else key for key in keys]
        return dict(zip(names, [each.usd for each in found], strict=True))

    async def total(self) -> Decimal:
        return sum((await self.by(SpendBy.DAY)).values(), Decimal(0))


@pytest.fixture
def books(catalog: Catalog) -> Books:
    return Books(catalog)


async def test_an_account_and_its_receipt_come_back_as_they_were(books: Books) -> None:
    told = ended(entry("0.000000000000000001"), entry(None, model=None, deployment=None, provider=None))
    await books.catalog.add_batch(order(1))
    await books.catalog.record("batch_1", told)
    batch = await books.catalog.batch("batch_1")
    assert (batch.account, batch.receipt_file_id) == (told.account, "file-receipt")
    assert batch.account is not None
    assert [price.id for price in batch.account.prices.values()] == [PRICE.id]


async def test_a_batch_without_an_account_has_none(books: Books) -> None:
    await books.catalog.add_batch(order(1))
    await books.catalog.record("batch_1", BatchChange(revision=1, status=BatchStatus.IN_PROGRESS))
    batch = await books.catalog.batch("batch_1")
    assert (batch.account, batch.receipt_file_id) == (None, None)


async def test_the_key_that_a_batch_came_with_comes_back(books: Books) -> None:
    await books.catalog.add_batch(order(1, key="key_abc"))
    assert (await books.catalog.batch("batch_1")).order.key == "key_abc"


async def test_nothing_is_counted_before_a_batch_has_ended(books: Books) -> None:
    await books.catalog.add_batch(order(1))
    running = replace(ended(entry()), status=BatchStatus.FINALIZING, revision=8)
    await books.catalog.record("batch_1", running)
    assert await books.spend(SpendBy.DAY) == []
    await books.catalog.record("batch_1", ended(entry()))
    assert await books.total() == Decimal("0.1")


@pytest.mark.parametrize("status", [each for each in BatchStatus if each.ended])
async def test_what_any_end_has_cost_is_counted_on_its_day(books: Books, status: BatchStatus) -> None:
    await books.catalog.add_batch(order(1))
    await books.catalog.record("batch_1", ended(entry(), status=status))
    assert await books.by(SpendBy.DAY) == {"2026-11-23": Decimal("0.1")}


async def test_a_repeated_write_counts_nothing_twice(books: Books) -> None:
    batch_id = await books.ran(entry(), entry(model="n"))
    for _ in range(2):
        await books.catalog.record(batch_id, ended(entry(), entry(model="n")))
    assert await books.total() == Decimal("0.2")


async def test_a_later_end_counts_instead_of_the_one_before(books: Books) -> None:
    batch_id = await books.ran(entry(), entry(model="n"))
    later = ended(entry("0.7"), revision=10, at=NOW + timedelta(days=1))
    await books.catalog.record(batch_id, later)
    assert await books.by(SpendBy.DAY, SpendBy.MODEL) == {("2026-11-24", "m"): Decimal("0.7")}


async def test_a_write_that_came_too_late_changes_no_sum(books: Books) -> None:
    batch_id = await books.ran(entry())
    await books.catalog.record(batch_id, ended(entry("9"), revision=8))
    await books.catalog.record(batch_id, ended(entry("9"), revision=10, status=BatchStatus.FAILED))
    assert await books.total() == Decimal("0.1")


async def test_a_batch_that_failed_and_is_told_again_counts_as_it_ends_then(books: Books) -> None:
    await books.catalog.add_batch(order(1))
    await books.catalog.record("batch_1", ended(entry("1"), status=BatchStatus.FAILED))
    await books.catalog.record("batch_1", BatchChange(revision=10, status=BatchStatus.IN_PROGRESS))
    await books.catalog.record("batch_1", ended(entry("2"), revision=11))
    assert await books.total() == 2


async def test_ends_that_are_written_at_once_all_count(books: Books) -> None:
    for number in range(20):
        await books.catalog.add_batch(order(number))
    writes = (books.catalog.record(f"batch_{number % 20}", ended(entry())) for number in range(40))
    await asyncio.gather(*writes)
    (only,) = await books.spend(SpendBy.DAY)
    assert (only.batches, only.usd) == (20, 2)


AMOUNTS = [
    ["0.1", "0.2"],
    ["0.000000000000000001", "0.000000000000000002"],
    ["999999.999999999999999999", "0.000000000000000001"],
    ["0.999999999", "0.000000000999999999", "0.000000000000000001"],
    ["123456789.000000001", "0", "0.0000000005"],
    ["0.333333333333333333"] * 3,
]


@pytest.mark.parametrize("amounts", AMOUNTS, ids=str)
async def test_sums_are_exact_to_the_last_of_eighteen_places(books: Books, amounts: list[str]) -> None:
    for amount in amounts:
        await books.ran(entry(amount))
    assert await books.total() == sum(map(Decimal, amounts), Decimal(0))


async def test_lines_and_tokens_are_added_up_and_what_has_no_price_is_told_apart(books: Books) -> None:
    await books.ran(entry(lines=3), entry(None, lines=4))
    await books.ran(entry(lines=5))
    (only,) = await books.spend(SpendBy.DAY)
    assert (only.batches, only.lines, only.unpriced_lines) == (2, 12, 4)
    assert only.usage == Usage(input=15, cached=3, output=21, reasoning=6)
    assert only.usd == Decimal("0.2")


async def test_spending_is_grouped_by_anything_there_is(books: Books) -> None:
    day = timedelta(days=1)
    await books.ran(entry("1"), entry("2", model="n"), key="key_a", metadata={"team": "night"})
    await books.ran(entry("4", provider="azure"), key="key_b", metadata={"team": "day"}, at=NOW + day)
    await books.ran(entry("8", model=None, provider=None))
    await books.ran(entry("16"), key="key_a", metadata={"other": "x"}, at=NOW + day)
    first, second = "2026-11-23", "2026-11-24"
    assert await books.by(SpendBy.DAY) == {first: 11, second: 20}
    assert await books.by(SpendBy.MODEL) == {"m": 21, "n": 2, None: 8}
    assert await books.by(SpendBy.PROVIDER) == {"openai": 19, "azure": 4, None: 8}
    assert await books.by(SpendBy.PROJECT) == {"default": 31}
    assert await books.by(SpendBy.KEY) == {"key_a": 19, "key_b": 4, None: 8}
    assert await books.by(SpendBy.TAG, tag="team") == {"night": 3, "day": 4, None: 24}
    assert await books.by(SpendBy.DAY, SpendBy.MODEL) == {
        (first, "m"): 1,
        (first, "n"): 2,
        (first, None): 8,
        (second, "m"): 20,
    }
    assert await books.by(SpendBy.KEY, SpendBy.TAG, SpendBy.DAY, tag="team") == {
        ("key_a", "night", first): 3,
        ("key_b", "day", second): 4,
        (None, None, first): 8,
        ("key_a", None, second): 16,
    }


async def test_groups_come_in_their_order_and_a_batch_counts_once_in_each(books: Books) -> None:
    await books.ran(entry(model="b"), entry(model="a"), entry(model="b", deployment="dep_2"))
    await books.ran(entry(model="c"), at=NOW - timedelta(days=1))
    found = await books.spend(SpendBy.DAY, SpendBy.MODEL)
    assert [[*each.group.values()] for each in found] == [
        ["2026-11-22", "c"],
        ["2026-11-23", "a"],
        ["2026-11-23", "b"],
    ]
    assert [each.batches for each in found] == [1, 1, 1]
    assert [each.lines for each in found] == [1, 1, 2]


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        (None, None, [21, 22, 23]),
        (22, None, [22, 23]),
        (None, 22, [21, 22]),
        (22, 22, [22]),
        (24, None, []),
        (23, 21, []),
    ],
)
async def test_both_of_the_days_that_bound_a_question_are_counted(
    books: Books, since: int | None, until: int | None, days: list[int]
) -> None:
    for age in range(3):
        await books.ran(entry(), at=NOW - timedelta(days=age))
    found = await books.spend(
        SpendBy.DAY,
        since=since and date(2026, 11, since),
        until=until and date(2026, 11, until),
    )
    assert [each.group[SpendBy.DAY] for each in found] == [f"2026-11-{day}" for day in days]


ODD = ["a.b", 'say "hi"', "it's", "naïve café", "$", "a[0]", "0", " ", "back\\slash", "a\nb", "%s", ":tag"]


@pytest.mark.parametrize("tag", ODD, ids=repr)
async def test_a_tag_may_have_any_name_and_any_value(books: Books, tag: str) -> None:
    await books.ran(entry("1"), metadata={tag: "x", "a": "wrong", "b": "wrong"})
    await books.ran(entry("2"), metadata={tag: tag})
    await books.ran(entry("4"), metadata={"team": "x"})
    assert await books.by(SpendBy.TAG, tag=tag) == {"x": 1, tag: 2, None: 4}


async def test_another_project_is_not_counted(books: Books) -> None:
    await books.ran(entry("1"))
    await books.ran(entry("2"), project="other")
    assert await books.by(SpendBy.PROJECT) == {"default": 1}
    assert await books.by(SpendBy.PROJECT, project="other") == {"other": 2}
    assert await books.spend(SpendBy.DAY, project="nobody") == []


async def test_a_batch_without_answers_has_no_part_in_it(books: Books) -> None:
    await books.ran()
    assert await books.spend(SpendBy.DAY) == []
