"""What a gateway's page of metrics is made of. No part keeps the others from being told."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from overnight.catalog import Catalog
from overnight.domain.errors import OvernightError
from overnight.health.recent import RecentCheck
from overnight.telemetry.exposition import Page, merged, own_text
from overnight.telemetry.metrics import GATEWAY

CATALOG_WITHIN = timedelta(seconds=3)
REFRESHED_EVERY = timedelta(seconds=15)

_WORKER = "worker"

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPages:
    """The pages that a gateway makes part of its own: its Temporal SDK's, and a worker's beside it.

    Where several processes share a port, whichever is asked tells of all of them: `process` is what this
    one is called, and `others` are by their names. With `sent` its metrics go somewhere without being asked
    for.
    """

    process: str = "gateway"
    temporal: Page | None = None
    worker: Page | None = None
    others: Mapping[str, Page] = field(default_factory=dict)
    sent: bool = False


class Metrics:
    """All that a gateway has to tell. The catalog is asked now and then, however often somebody reads."""

    def __init__(self, catalog: Catalog, *, pages: MetricsPages, clock: Callable[[], datetime]) -> None:
        self._catalog = catalog
        self._pages = pages
        self._clock = clock
        self._overview = RecentCheck(self._look, within=None)

    async def page(self) -> bytes:
        """Return everything, as one page."""
        await self._overview()
        pages, others = self._pages, tuple(self._pages.others)
        temporal, worker, *theirs = await asyncio.gather(
            *map(_text, (pages.temporal, pages.worker, *pages.others.values()))
        )
        if pages.worker:
            GATEWAY.show_worker(up=worker is not None)
        told = {pages.process: [own_text(), temporal or ""], _WORKER: [worker or ""]}
        told |= {process: [text or ""] for process, text in zip(others, theirs, strict=True)}
        # A page may have thousands of lines, and the gateway has requests to serve meanwhile.
        return await asyncio.to_thread(merged, told)

    async def keep_fresh(self) -> None:
        """Look into the catalog again and again, if metrics are sent."""
        while self._pages.sent:
            await self._overview()
            await asyncio.sleep(REFRESHED_EVERY.total_seconds())

    async def _look(self) -> None:
        try:
            looking = self._catalog.overview(now=self._clock())
            GATEWAY.show(await asyncio.wait_for(looking, CATALOG_WITHIN.total_seconds()))
        except (OvernightError, TimeoutError) as error:
            GATEWAY.show(None)
            _log.warning("metrics without the catalog", error=type(error).__name__)


async def _text(page: Page | None) -> str | None:
    return await page.text() if page else None
