"""What keeps webhooks in order: deliveries that nobody has taken up, and those that nobody needs any more."""

from datetime import timedelta
from typing import Protocol

import structlog
from temporalio import activity

from activities.clock import Clock, utc_now
from overnight.catalog import Catalog
from overnight.domain.errors import TemporalUnavailable
from overnight.domain.webhook import Delivery

OVERLOOKED_AFTER = timedelta(minutes=1)
"""A batch that has ended has its deliveries taken up at once, if its workflow still can."""

KEPT = timedelta(days=30)
"""How long what was delivered can be looked at."""

_AT_ONCE = 100

_log = structlog.stdlib.get_logger(__name__)


class Deliveries(Protocol):
    """How a delivery is seen through (`workflows.webhook_runs`)."""

    async def start(self, delivery: Delivery) -> None:
        """Start it, unless it was started before. Raises TemporalUnavailable."""
        ...


class WebhookUpkeep:
    """Looks after the rows of deliveries."""

    def __init__(self, *, catalog: Catalog, deliveries: Deliveries, clock: Clock = utc_now) -> None:
        self._catalog = catalog
        self._deliveries = deliveries
        self._clock = clock

    @activity.defn(name="keep_webhooks")
    async def keep_webhooks(self) -> int:
        """Start what was overlooked, as after a batch that ended without its workflow; return how much."""
        now, started = self._clock(), 0
        overlooked = await self._catalog.overlooked_deliveries(
            created_by=now - OVERLOOKED_AFTER, limit=_AT_ONCE
        )
        try:
            for delivery in overlooked:
                await self._deliveries.start(delivery)
                started += 1
        except TemporalUnavailable as error:
            _log.warning("webhooks not started", reason=error.message)
        await self._catalog.forget_deliveries(created_by=now - KEPT)
        return started
