"""What every route needs at hand, handed to it by the composition root and never looked up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request

from api.downloads import Downloads
from api.openai_events import OpenAIEvents
from api.room import Room
from api.telling import Metrics
from api.trial import Trial
from api.turns import Turns
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.health.parts import Draining, Parts
from overnight.providers import RowsBucket
from overnight.storage.protocol import Storage
from overnight.webhooks.sender import WebhookSender
from workflows.runs import BatchRuns

DEFAULT_PROJECT = "default"
"""Everything belongs to this project as long as there are no others."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time of day, aware of its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """How an upload is taken in. Sizes are bytes.

    A client that sends nothing for `idle_timeout` is given up. An input needs room for its results as well,
    so `room_factor` times its size has to be free, beside `reserved`, which nobody may use up: the catalog
    and Temporal write to the same disk. One that does not say its size gets room for `room_step` at a time.
    """

    idle_timeout: timedelta = timedelta(seconds=60)
    reserved: int = 256 * 2**20
    room_factor: int = 3
    room_step: int = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The parts a gateway is made of. It owns none of them. Without a secret, nothing is heard of OpenAI."""

    settings: Settings
    storage: Storage
    catalog: Catalog
    runs: BatchRuns
    clock: Clock = utc_now
    uploads: UploadLimits
    room: Room
    turns: Turns
    downloads: Downloads
    parts: Parts
    draining: Draining
    bucket_trials: tuple[tuple[RowsBucket, Trial], ...]
    openai_events: OpenAIEvents | None
    webhooks: WebhookSender
    metrics: Metrics


async def _gateway_of(request: Request) -> Gateway:
    # Not awaiting anything, but FastAPI would have a plain function called in a thread, for each request.
    gateway: Gateway = request.app.state.gateway
    return gateway


TheGateway = Annotated[Gateway, Depends(_gateway_of)]
