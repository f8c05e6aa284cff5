"""A port of a process's own: its page of metrics, and how it is. Nothing else is served here, or taken in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from aiohttp import web

from overnight.config.addresses import is_loopback
from overnight.telemetry.exposition import CONTENT_TYPE, Page, merged, own_text
from workers.bearer import shows
from workers.health import WorkerHealth

_LAST_READ_SECONDS = timedelta(seconds=1).total_seconds()
"""How long a worker that stops waits for who is just reading its page."""

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a process serves its metrics, and to whom: with a `key`, to whoever shows it.

    Without one to programs on this machine, and to no web page; with `metrics_open` to everybody, key or not.
    Whether the process is well is for everybody. What is wrong, which names hosts and buckets, is for
    whoever shows the key; without one, for whoever gets to a door that is on loopback.
    `temporal` is the page of the process's Temporal SDK, and `process` what its samples are labelled with.
    A port that is `reserved` is bound by another process, which keeps it for this one.
    """

    host: str
    port: int
    reserved: bool = False
    key: str | None = field(default=None, repr=False)
    metrics_open: bool = False
    temporal: Page | None = None
    process: str = "worker"


@asynccontextmanager
async def serving(door: Door | None, health: WorkerHealth | None = None) -> AsyncIterator[None]:
    """Serve while the block runs. A port that is taken is a line in the log: batches go on."""
    if door is None:
        yield
        return
    runner = web.AppRunner(_application(door, health), access_log=None, shutdown_timeout=_LAST_READ_SECONDS)
    await runner.setup()
    try:
        await _listen(runner, door)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, door: Door) -> None:
    address = f"{door.host}:{door.port}"
    try:
        await web.TCPSite(runner, door.host, door.port, reuse_port=door.reserved).start()
    except OSError as error:
        _log.error("no metrics are served", address=address, why=error.strerror)
    else:
        _log.info("metrics served", address=address)


def _application(door: Door, health: WorkerHealth | None) -> web.Application:
    async def metrics(request: web.Request) -> web.Response:
        if not door.metrics_open:
            if door.key is not None and not shows(request, door.key):
                return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
            if door.key is None and not _is_from_here(request):
                return web.Response(status=403)
        temporal = await door.temporal.text() if door.temporal else None
        # It may have thousands of lines, and what this would hold up is batches.
        page = await asyncio.to_thread(lambda: merged({door.process: [own_text(), temporal or ""]}))
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})

    def may_know(request: web.Request) -> bool:
        return is_loopback(door.host) if door.key is None else shows(request, door.key)

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    if health:
        health.add_to(application, may_know=may_know)
    return application


def _is_from_here(request: web.Request) -> bool:
    # A web page can send requests to loopback under a name of its own; see api/local_only.py.
    try:
        return is_loopback(request.url.host or "") and "Origin" not in request.headers
    except ValueError:
        return False
