"""What a batch may cost at its deployments, and whether that is more than it may."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from overnight.catalog import Catalog
from overnight.domain.batch import BatchError
from overnight.domain.deployment import Deployment
from overnight.domain.estimate import CostRange, Demand, Estimate
from overnight.domain.price import Quote
from overnight.pricing import cost_range, estimate, load_price_list, quote

LEARNT_FROM_LATEST = 50
"""So many past batches of a model say what its next one may use."""

MAX_COST = "max_cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """What a batch may use, what its deployments charge, and what that comes to if all prices are known."""

    estimate: Estimate
    quotes: tuple[Quote, ...]
    cost: CostRange | None

    @property
    def unpriced(self) -> str | None:
        """Why there is no cost."""
        return next((quoted.reason for quoted in self.quotes if quoted.reason), None)


async def estimated_for(
    catalog: Catalog,
    demand: Demand,
    deployments: Sequence[Deployment],
    *,
    model: str,
    project: str,
    at: datetime,
) -> Estimated:
    """Estimate what so much demand for `model` comes to at these deployments. Raises CatalogUnavailable."""
    past = await catalog.past_use(project=project, model=model, limit=LEARNT_FROM_LATEST)
    await asyncio.to_thread(load_price_list)
    quotes = tuple(quote(each, model, at=at) for each in deployments)
    prices = [quoted.price for quoted in quotes if quoted.price]
    estimated = estimate(demand, past)
    cost = cost_range(estimated, prices) if len(prices) == len(quotes) else None
    return Estimated(estimate=estimated, quotes=quotes, cost=cost)


def over_budget(estimated: Estimated, *, max_cost: Decimal) -> BatchError | None:
    """Say that a batch may not be run for `max_cost`; None if it may.

    What counts is the likely cost; where nobody knows how much will be written, the least that it will cost.
    """
    cost = estimated.cost
    if cost is None:
        why = estimated.unpriced or "a price is missing"
        message = f"Nobody can see to it that this batch costs no more than ${max_cost:f}: {why}."
        return BatchError(code="price_unknown", message=message, param=MAX_COST)
    expected = cost.low if cost.likely is None else cost.likely
    if expected <= max_cost:
        return None
    about = "likely" if cost.likely is not None else "at least"
    read = estimated.estimate.input
    tokens = f"at least {read.low:,}" if read.likely is None else f"about {read.likely:,}"
    message = (
        f"This batch would cost more than its max_cost of ${max_cost:f}: {about} ${_told(expected)}, "
        f"for {tokens} tokens of input."
    )
    return BatchError(code="max_cost_exceeded", message=message, param=MAX_COST)


def _told(usd: Decimal) -> str:
    return f"{usd:.6f}".rstrip("0").rstrip(".")
