"""From demand, past use and prices to ranges."""

from decimal import Decimal

import pytest

from overnight.domain.estimate import Demand, PastUse
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.usage import TokenKind
from overnight.pricing import cost_range, estimate

ASKED = Demand(requests=10, input_tokens=1_000, max_output_tokens=500)


def price(into: str, out_of: str | None = None, *, above: int = 0) -> Price:
    usd = {TokenKind.INPUT: Decimal(into)}
    if out_of is not None:
        usd[TokenKind.OUTPUT] = Decimal(out_of)
    return Price(source=DECLARED, rates=(Rates(usd=usd, above=above),))


def used(input_tokens: int, output_tokens: int, *, requests: int = 10) -> PastUse:
    return PastUse(
        requests=requests,
        approximated_input=1_000,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )


def test_a_model_without_a_past_has_an_error_that_is_assumed_and_the_bounds_of_its_requests() -> None:
    found = estimate(ASKED, [])
    assert (found.input.low, found.input.likely, found.input.high) == (750, 1_000, 1_250)
    assert (found.output.low, found.output.likely, found.output.high) == (0, None, 500)
    assert (found.error_low, found.error_high, found.measured_on) == (-0.25, 0.25, 0)


def test_pictures_may_be_small_or_large_before_anybody_knows() -> None:
    found = estimate(Demand(requests=10, input_tokens=9_000, images=10, max_output_tokens=0), [])
    # A quarter either way of the text, and 85 to 1,500 tokens of each picture.
    assert (found.input.low, found.input.likely, found.input.high) == (1_600, 9_000, 16_250)
    assert (found.error_low, found.error_high) == pytest.approx((1_600 / 9_000 - 1, 16_250 / 9_000 - 1))
    learnt = estimate(Demand(requests=10, input_tokens=9_000, images=10), [used(1_000, 0)] * 3)
    assert (learnt.input.low, learnt.input.high) == (8_820, 9_180)


def test_what_can_t_be_told_by_a_look_is_not_known_before_a_past_batch_says_it() -> None:
    heard = Demand(requests=10, input_tokens=40, unread=True, max_output_tokens=0)
    found = estimate(heard, [])
    assert (found.input.low, found.input.likely, found.input.high) == (30, None, None)
    cost = cost_range(found, [price("0.000001", "0.000002")])
    assert cost is not None
    assert (cost.low, cost.likely, cost.high) == (Decimal("0.00003"), None, None)
    learnt = estimate(heard, [used(50_000, 0)] * 3)
    assert (learnt.input.low, learnt.input.likely, learnt.input.high) == (1_960, 2_000, 2_040)


@pytest.mark.parametrize("past", [[], [used(1_000, 0)]])
def test_nothing_to_look_at_is_not_nothing_to_read(past: list[PastUse]) -> None:
    found = estimate(Demand(requests=10, input_tokens=0), past)
    assert (found.input.low, found.input.likely, found.input.high) == (0, None, None)
    nothing = estimate(Demand(), past)
    assert (nothing.input.low, nothing.input.likely, nothing.input.high) == (0, 0, 0)


def test_past_batches_say_what_a_model_really_reads_and_writes() -> None:
    found = estimate(ASKED, [used(900, 100), used(1_000, 200), used(1_100, 300)])
    # As far beyond what was seen as one batch is from the next.
    assert (found.input.low, found.input.likely, found.input.high) == (800, 1_000, 1_200)
    assert (found.output.low, found.output.likely, found.output.high) == (100, 200, 500)
    assert found.measured_on == 3
    assert found.error_high == pytest.approx(0.2)


@pytest.mark.parametrize("count", [1, 2])
def test_the_first_batch_says_where_a_model_is_and_the_third_how_far_apart_batches_are(count: int) -> None:
    found = estimate(ASKED, [used(2_000, 100)] * count)
    assert (found.input.low, found.input.likely, found.input.high) == (1_500, 2_000, 2_500)
    assert found.measured_on == count


def test_batches_that_were_all_alike_do_not_make_an_estimate_certain() -> None:
    found = estimate(ASKED, [used(2_000, 100)] * 50)
    assert (found.input.low, found.input.likely, found.input.high) == (1_960, 2_000, 2_040)


def test_no_batch_reads_less_than_nothing() -> None:
    assert estimate(ASKED, [used(1, 1), used(1, 1), used(1_000_000, 1)]).input.low == 0


def test_requests_without_a_bound_are_taken_to_write_no_more_than_before() -> None:
    unbounded = Demand(requests=20, input_tokens=1_000, max_output_tokens=None)
    found = estimate(unbounded, [used(1_000, 100), used(1_000, 300)])
    assert (found.output.low, found.output.likely, found.output.high) == (200, 400, 600)
    assert estimate(unbounded, []).output.high is None


def test_a_bound_holds_whatever_was_written_before() -> None:
    found = estimate(Demand(requests=10, input_tokens=1_000, max_output_tokens=50), [used(1_000, 900)])
    assert (found.output.low, found.output.likely, found.output.high) == (50, 50, 50)


def test_costs_go_from_the_cheapest_to_the_dearest_and_the_first_is_likely() -> None:
    found = estimate(ASKED, [used(1_000, 200)] * 3)
    cost = cost_range(found, [price("0.000002", "0.000004"), price("0.000001", "0.000002")])
    assert cost is not None
    assert cost.low == 980 * Decimal("0.000001") + 200 * Decimal("0.000002")
    assert cost.likely == 1_000 * Decimal("0.000002") + 200 * Decimal("0.000004")
    assert cost.high == 1_020 * Decimal("0.000002") + 500 * Decimal("0.000004")


def test_what_is_written_without_a_bound_has_no_highest_cost() -> None:
    found = estimate(Demand(requests=10, input_tokens=1_000, max_output_tokens=None), [])
    cost = cost_range(found, [price("0.000001", "0.000002")])
    assert cost is not None
    assert (cost.likely, cost.high) == (None, None)


def test_an_embedding_costs_what_it_reads() -> None:
    found = estimate(Demand(requests=10, input_tokens=1_000, max_output_tokens=0), [])
    cost = cost_range(found, [price("0.000001")])
    assert cost is not None
    assert cost.likely == Decimal("0.001")


def test_without_a_price_of_what_is_written_nothing_is_said() -> None:
    found = estimate(ASKED, [used(1_000, 200)] * 3)
    assert cost_range(found, [price("0.000001")]) is None
