"""A price's id is what it says, and nothing else."""

from dataclasses import replace
from decimal import Decimal

import pytest

from overnight.domain.price import Charge, Price, Rates
from overnight.domain.usage import TokenKind

PRICE = Price(
    source="some-list 1.0",
    model="openai/gpt",
    discount=Decimal("0.5"),
    rates=(
        Rates(usd={TokenKind.INPUT: Decimal("0.000001"), TokenKind.OUTPUT: Decimal("0.000002")}),
        Rates(usd={TokenKind.INPUT: Decimal("0.000003")}, above=200_000),
    ),
)
USUAL, LONG = PRICE.rates


def test_the_id_of_a_price_stays_the_same() -> None:
    assert PRICE.id == "price_c5b1769b42893ec4"


def test_an_id_does_not_depend_on_the_order_of_kinds_or_on_how_an_amount_is_written() -> None:
    amounts = {TokenKind.OUTPUT: Decimal("2E-6"), TokenKind.INPUT: Decimal("0.00000100")}
    same = replace(PRICE, rates=(replace(USUAL, usd=amounts), LONG), discount=Decimal("0.50"))
    assert same.id == PRICE.id


@pytest.mark.parametrize(
    "other",
    [
        replace(PRICE, source="some-list 1.1"),
        replace(PRICE, model="azure/gpt"),
        replace(PRICE, discount=None),
        replace(PRICE, discount=Decimal("0.05")),
        replace(PRICE, rates=(USUAL,)),
        replace(PRICE, rates=(USUAL, replace(LONG, above=200_001))),
        replace(PRICE, rates=(USUAL, replace(LONG, usd={TokenKind.OUTPUT: Decimal("0.000003")}))),
        replace(PRICE, rates=(USUAL, replace(LONG, usd={TokenKind.INPUT: Decimal("0.000000000003")}))),
        replace(PRICE, rates=(USUAL, replace(LONG, usd={**LONG.usd, TokenKind.CACHED: Decimal(0)}))),
    ],
)
def test_prices_that_say_something_else_have_other_ids(other: Price) -> None:
    assert other.id != PRICE.id


def test_a_charge_without_a_price_has_no_total_and_one_of_nothing_is_zero() -> None:
    assert Charge(reason="nobody knows").total is None
    assert Charge().total == 0
    assert Charge({TokenKind.INPUT: Decimal("0.1"), TokenKind.OUTPUT: Decimal("0.2")}).total == Decimal("0.3")
