"""The providers' batch APIs behind one seam, one provider a file."""

from overnight.providers.protocol import Content, Limits, LineFault, Provider, Result, Shape
from overnight.providers.registry import PROVIDERS, Providers, endpoints_of, model_of_job
from overnight.providers.rows_bucket import RowsBucket, rows_buckets

__all__ = [
    "PROVIDERS",
    "Content",
    "Limits",
    "LineFault",
    "Provider",
    "Providers",
    "Result",
    "RowsBucket",
    "Shape",
    "endpoints_of",
    "model_of_job",
    "rows_buckets",
]
