"""Usage × price → money."""

from overnight.pricing.charging import charge, charge_as_told
from overnight.pricing.declared import cost_of
from overnight.pricing.demand import DemandMeter
from overnight.pricing.estimating import cost_range, estimate
from overnight.pricing.price_list import load_price_list
from overnight.pricing.quoting import quote

__all__ = [
    "DemandMeter",
    "charge",
    "charge_as_told",
    "cost_of",
    "cost_range",
    "estimate",
    "load_price_list",
    "quote",
]
