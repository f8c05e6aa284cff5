"""The prices an operator declares for a deployment, in LiteLLM's words."""

from decimal import Decimal

from overnight.config.schema import Prices
from overnight.domain.deployment import DeclaredPrice


def declared_price(*sources: Prices) -> DeclaredPrice | None:
    """Return the price in the first of `sources` that has one; a side it does not give costs nothing."""
    for source in sources:
        into = _first(source.input_cost_per_token_batches, source.input_cost_per_token)
        out_of = _first(source.output_cost_per_token_batches, source.output_cost_per_token)
        if into is not None or out_of is not None:
            return DeclaredPrice(input=into or Decimal(0), output=out_of or Decimal(0))
    return None


def _first(batch: Decimal | None, ordinary: Decimal | None) -> Decimal | None:
    return ordinary if batch is None else batch
