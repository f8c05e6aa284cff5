"""A deployment: one place a model runs."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

DEFAULT_PARALLEL_REQUESTS = 64
DEFAULT_LINE_TIMEOUT = timedelta(minutes=10)


class BatchLane(StrEnum):
    """How a shard is run: by the provider's own batch API, or by sending each line ourselves."""

    NATIVE = "native"
    LINES = "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredPrice:
    """US dollars a token, as the operator declared them for a deployment."""

    input: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One entry of `model_list`, checked. The key never leaves this object but for the provider.

    `id` is stable across restarts as long as the entry's model name, provider and model are (it is
    derived from them, and from the entry's place among those alike), so a history can name it and running
    batches follow a deployment that moves. `max_parallel_requests` bounds requests in flight; `rpm` and
    `tpm` bound requests and tokens a minute, None meaning no bound.
    """

    id: str
    model_name: str
    provider: str
    model: str
    api_base: str
    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    lane: BatchLane = BatchLane.LINES
    timeout: timedelta = DEFAULT_LINE_TIMEOUT
    max_parallel_requests: int = DEFAULT_PARALLEL_REQUESTS
    rpm: int | None = None
    tpm: int | None = None
    price: DeclaredPrice | None = None
