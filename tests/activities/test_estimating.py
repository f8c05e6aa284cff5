"""Whether a batch may be run for its max_cost, and the words of a no."""

from decimal import Decimal

import pytest

from activities.estimating import Estimated, over_budget
from overnight.domain.estimate import Demand
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.usage import TokenKind
from overnight.pricing import cost_range, estimate

PRICE = Price(
    source=DECLARED, rates=(Rates(usd={TokenKind.INPUT: Decimal(1), TokenKind.OUTPUT: Decimal(2)}),)
)


def estimated(demand: Demand) -> Estimated:
    found = estimate(demand, [])
    return Estimated(estimate=found, quotes=(), cost=cost_range(found, [PRICE]))


@pytest.mark.parametrize(
    ("demand", "reason"),
    [
        (Demand(requests=1, input_tokens=4_000), "likely $4000, for about 4,000 tokens of input"),
        (
            Demand(requests=1, input_tokens=4_000, max_output_tokens=9),
            "at least $3000, for about 4,000 tokens of input",
        ),
        (
            Demand(requests=1, input_tokens=4_000, unread=True),
            "at least $3000, for at least 3,000 tokens of input",
        ),
    ],
)
def test_a_batch_that_is_too_dear_is_refused_with_what_is_known(demand: Demand, reason: str) -> None:
    refused = over_budget(estimated(demand), max_cost=Decimal(2_999))
    assert refused is not None
    assert refused.message == f"This batch would cost more than its max_cost of $2999: {reason}."
    assert over_budget(estimated(demand), max_cost=Decimal(4_000)) is None
