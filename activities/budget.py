"""How much a batch has cost so far, by what its chunks report: who sends lines looks, and stops in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import structlog

from activities.payloads import ChunkOrder
from overnight.catalog import Catalog
from overnight.domain.deployment import Deployment
from overnight.domain.errors import OvernightError
from overnight.domain.price import Price
from overnight.line_lane.chunk import PriceOf
from overnight.pricing import quote

LOOK_INTERVAL = timedelta(seconds=1)
"""How often it is looked at. By what others get in that time, and what is in flight, it may cost more."""

LONGEST_UNSEEN = timedelta(seconds=30)
"""For so long lines are sent while nobody knows what the other chunks cost, or they what this one does: a
database is restarted, or another one takes over, in that time."""

MOST_TIERS = 10
"""So many service tiers' prices are kept; a provider has about four."""

_log = structlog.stdlib.get_logger(__name__)


class Budget:
    """What one batch may cost, in US dollars; None is whatever it costs. One of its chunks looks."""

    def __init__(self, catalog: Catalog, order: ChunkOrder) -> None:
        self._catalog = catalog
        self._order = order
        self._max_cost = order.max_cost
        self._others = Decimal(0)
        self._has_price = False
        self._seen_at = time.monotonic()
        self._lost = False

    @property
    def lost(self) -> bool:
        """Whether lines were kept back because nobody could see what the batch costs."""
        return self._lost

    def used_up(self, cost: Decimal | None) -> bool:
        """Say whether the batch has cost what it may, with this chunk's own cost as it is now.

        Where nobody can tell any more what it costs, it has.
        """
        if self._max_cost is None:
            return False
        return not self._has_price or cost is None or self._others + cost >= self._max_cost

    def out_of_sight(self, *, unreported: timedelta) -> bool:
        """Say that no line is to be begun, since for too long nobody could see what the batch costs.

        `unreported` is for how long the others have not been told what this chunk costs. Once lines were kept
        back the chunk is not whole, so it stays with that.
        """
        if self._max_cost is None:
            return False
        unseen = timedelta(seconds=time.monotonic() - self._seen_at)
        self._lost = self._lost or max(unseen, unreported) > LONGEST_UNSEEN
        return self._lost

    def price_of(self, deployment: Deployment, model: str | None) -> PriceOf | None:
        """Return what lines are counted at, by their service tiers; None where nobody asks what they cost."""
        if self._max_cost is None:
            return None

        @lru_cache(MOST_TIERS)
        def price_of(service_tier: str | None) -> Price | None:
            return quote(deployment, model, at=datetime.now(UTC), service_tier=service_tier).price

        self._has_price = price_of(None) is not None
        return price_of

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look at what the other chunks have cost, before the block and while it runs.

        Raises CatalogUnavailable when that can't be seen at first.
        """
        if self._max_cost is None:
            yield
            return
        await self._look()
        looking = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL.total_seconds())
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is, looking has to go on
                reason = error.message if isinstance(error, OvernightError) else type(error).__name__
                _log.warning("cost not known", batch_id=self._order.batch_id, reason=reason)

    async def _look(self) -> None:
        order = self._order
        self._others = await self._catalog.cost_so_far(
            order.batch_id, beside_shard=order.shard, beside_chunk=order.chunk
        )
        self._seen_at = time.monotonic()
