"""The providers' batch APIs behind one seam, one provider a file."""

from overnight.providers.protocol import Content, Limits, LineFault, Provider, Result
from overnight.providers.registry import PROVIDERS, Providers, endpoints_of

__all__ = ["PROVIDERS", "Content", "Limits", "LineFault", "Provider", "Providers", "Result", "endpoints_of"]
