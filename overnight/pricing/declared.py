"""What a batch cost at the price its operator declared for the deployment."""

from decimal import Decimal

from overnight.domain.deployment import DeclaredPrice
from overnight.domain.usage import Usage


def cost_of(usage: Usage, price: DeclaredPrice | None) -> Decimal | None:
    """Return US dollars, exactly; None where nobody said what a token costs, which is not the same as 0."""
    if price is None:
        return None
    return usage.input * price.input + usage.output * price.output
