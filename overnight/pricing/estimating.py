"""From what is asked for, and what was used before, to ranges of tokens and money. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from overnight.domain.estimate import CostRange, Demand, Estimate, PastUse, TokenRange
from overnight.domain.price import Price
from overnight.domain.usage import TokenKind, Usage
from overnight.pricing.charging import rates_for
from overnight.pricing.demand import AN_IMAGE, LARGE_IMAGE, SMALL_IMAGE

ASSUMED_ERROR = 0.25
"""How far off an approximation is taken to be where nothing was measured: of texts of 16 languages, code and
numbers all are within 15 %, but models have other vocabularies."""

LEARNT_FROM = 3
"""From so many past batches on, they say how far apart batches are; from the first on, where they are."""

LEAST_ERROR = 0.02
"""What batches are taken to be apart even where none were."""


def estimate(demand: Demand, past: Sequence[PastUse]) -> Estimate:
    """Return what a batch is likely to use."""
    known = [use for use in past if use.approximated_input]
    usual, ratios = _usual_ratio(known), [use.input_tokens / use.approximated_input for use in known]
    low, high = _measured(ratios, usual) if ratios else _assumed(demand)
    asked = demand.input_tokens
    # Past batches say how much is read beside what can be looked at, if there is anything to go by.
    told = bool(asked and (ratios or not demand.unread)) or not demand.requests
    return Estimate(
        requests=demand.requests,
        input=TokenRange(
            low=round(asked * low),
            likely=round(asked * usual) if told else None,
            high=round(asked * high) if told else None,
        ),
        output=_output(demand, past),
        error_low=low - 1,
        error_high=high - 1,
        measured_on=len(known),
    )


def cost_range(estimated: Estimate, prices: Sequence[Price]) -> CostRange | None:
    """Return what it is likely to cost at the first of `prices`, and from the cheapest to the dearest.

    None if one of them has no price for plain input or output.
    """
    low = [_cost(price, estimated, estimated.input.low, estimated.output.low) for price in prices]
    likely = _cost(prices[0], estimated, estimated.input.likely, estimated.output.likely)
    high = [_cost(price, estimated, estimated.input.high, estimated.output.high) for price in prices]
    cheapest = [cost for cost in low if cost is not None]
    dearest = [cost for cost in high if cost is not None]
    if len(cheapest) < len(prices):
        return None
    return CostRange(
        low=min(cheapest), likely=likely, high=max(dearest) if len(dearest) == len(prices) else None
    )


def _usual_ratio(known: Sequence[PastUse]) -> float:
    if not known:
        return 1.0
    return sum(use.input_tokens for use in known) / sum(use.approximated_input for use in known)


def _measured(ratios: Sequence[float], usual: float) -> tuple[float, float]:
    beyond = _beyond(ratios, usual)
    return max(min(ratios) - beyond, 0.0), max(ratios) + beyond


def _assumed(demand: Demand) -> tuple[float, float]:
    """Return how little and how much is taken to be read of what was approximated, in parts of that."""
    asked = max(demand.input_tokens, demand.images * AN_IMAGE, 1)
    text = 1 - demand.images * AN_IMAGE / asked
    low = text * (1 - ASSUMED_ERROR) + demand.images * SMALL_IMAGE / asked
    return low, text * (1 + ASSUMED_ERROR) + demand.images * LARGE_IMAGE / asked


def _beyond(ratios: Sequence[float], usual: float) -> float:
    """Return how far beyond what was seen a ratio may be: as far as those that were seen lie apart."""
    if len(ratios) < LEARNT_FROM:
        return ASSUMED_ERROR * usual
    return max((max(ratios) - min(ratios)) / (len(ratios) - 1), LEAST_ERROR * usual)


def _output(demand: Demand, past: Sequence[PastUse]) -> TokenRange:
    bound = demand.max_output_tokens
    written = [use.output_tokens / use.requests for use in past if use.requests]
    if not written:
        return TokenRange(low=0, likely=0 if bound == 0 else None, high=bound)
    usual = sum(use.output_tokens for use in past) / sum(use.requests for use in past)
    most = bound if bound is not None else round(max(written) * demand.requests)
    low, likely = round(min(written) * demand.requests), round(usual * demand.requests)
    return TokenRange(low=min(low, most), likely=min(likely, most), high=most)


def _cost(price: Price, estimated: Estimate, read: int | None, written: int | None) -> Decimal | None:
    if read is None or written is None:
        return None
    usual_length = Usage(input=read // max(1, estimated.requests))
    usd = rates_for(usual_length, price).usd
    into, out_of = usd.get(TokenKind.INPUT), usd.get(TokenKind.OUTPUT)
    if into is None or (out_of is None and written):
        return None
    return read * into + written * (out_of or Decimal(0))
