"""What a batch cost by a quote that an earlier version made for all of its lines together.

Histories of that version hold such quotes, and are told again in the same way.
"""

from decimal import Decimal

from overnight.domain.price import DeclaredPrice
from overnight.domain.usage import Usage


def cost_of(usage: Usage, price: DeclaredPrice | None) -> Decimal | None:
    """Return US dollars, exactly; None where nobody said what a token costs, which is not the same as 0."""
    if price is None:
        return None
    return usage.input * price.input + usage.output * price.output
