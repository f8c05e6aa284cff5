"""Usage × price → money."""

from overnight.pricing.declared import cost_of

__all__ = ["cost_of"]
