"""What parts of a batch have cost is one account in the end, in whichever order they come together."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.domain.account import Account, Entry, together
from overnight.domain.price import Price, Rates
from overnight.domain.usage import TokenKind, Usage

PRICES = {
    price.id: price
    for price in (
        Price(source="model_info", rates=(Rates(usd={TokenKind.INPUT: Decimal(rate)}),))
        for rate in ("0.1", "0.2")
    )
}
CHEAP, DEAR = PRICES

_AMOUNTS = st.integers(0, 10**12).map(lambda units: Decimal(units).scaleb(-18))
_PLACES = {
    "deployment": st.sampled_from(["dep_1", "dep_2"]),
    "provider": st.sampled_from(["openai", "azure"]),
    "model": st.sampled_from([None, "m"]),
    "lines": st.integers(1, 99),
    "usage": st.builds(Usage, input=st.integers(0, 99), output=st.integers(0, 99)),
}
_PRICED = st.builds(
    Entry,
    price=st.sampled_from([CHEAP, DEAR]),
    usd=st.dictionaries(st.sampled_from(TokenKind), _AMOUNTS, max_size=3),
    **_PLACES,
)
_UNPRICED = st.builds(Entry, reason=st.sampled_from(["no price", "no tokens"]), **_PLACES)
_ACCOUNTS = st.lists(_PRICED | _UNPRICED, max_size=4).map(
    lambda entries: Account(
        entries=tuple(entries), prices={each.price: PRICES[each.price] for each in entries if each.price}
    )
)


def entry(**fields: Any) -> Entry:
    return Entry(**{"deployment": "dep_1", "provider": "openai", "model": "m", "lines": 1, **fields})


@given(_ACCOUNTS, _ACCOUNTS, _ACCOUNTS)
def test_it_makes_no_difference_which_parts_come_together_first(
    one: Account, two: Account, three: Account
) -> None:
    assert together([together([one, two]), three]) == together([one, together([two, three])])
    assert together([one, two, three]) == together([together([one, two]), three])


@given(st.lists(_ACCOUNTS, max_size=5))
def test_nothing_is_lost_when_accounts_come_together(accounts: list[Account]) -> None:
    whole = together(accounts)
    entries = [each for account in accounts for each in account.entries]
    assert sum(each.lines for each in whole.entries) == sum(each.lines for each in entries)
    assert whole.usage == sum((each.usage for each in entries), Usage())
    assert whole.priced == sum((account.priced for account in accounts), Decimal(0))
    assert whole.priced == sum(whole.usd.values(), Decimal(0))
    assert whole.unpriced_lines == sum(account.unpriced_lines for account in accounts)
    assert {each.price for each in whole.entries} - {None} == set(whole.prices)


def test_what_is_alike_becomes_one_entry() -> None:
    first = entry(price=CHEAP, usage=Usage(1, 0, 2), usd={TokenKind.INPUT: Decimal("0.1")})
    second = entry(price=CHEAP, usage=Usage(3, 0, 4), lines=2, usd={TokenKind.OUTPUT: Decimal("0.2")})
    (merged,) = together([Account(entries=(first,)), Account(entries=(second,))]).entries
    assert (merged.lines, merged.usage, merged.cost) == (3, Usage(4, 0, 6), Decimal("0.3"))


@pytest.mark.parametrize(
    "other",
    [
        {"deployment": "dep_2"},
        {"provider": "azure"},
        {"model": "n"},
        {"model": None},
        {"price": DEAR},
        {"price": None, "reason": "no price"},
    ],
)
def test_what_differs_in_anything_stays_apart(other: dict[str, Any]) -> None:
    pair = entry(price=CHEAP), entry(**{"price": CHEAP, **other})
    assert len(together([Account(entries=pair)]).entries) == 2


def test_reasons_that_differ_stay_apart() -> None:
    pair = entry(reason="no price"), entry(reason="no tokens")
    assert len(together([Account(entries=pair)]).entries) == 2


def test_an_account_with_an_answer_nobody_can_price_has_no_cost_but_says_what_the_rest_came_to() -> None:
    priced = entry(price=CHEAP, usd={TokenKind.INPUT: Decimal("0.1")})
    account = Account(entries=(priced, entry(reason="no price", lines=4)))
    assert account.cost is None
    assert (account.priced, account.unpriced_lines) == (Decimal("0.1"), 4)
    assert Account().cost == 0
