"""The gateway as a process: opens what it stands on, serves until it is told to stop, and closes it again."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from api.app import create_app
from api.stopping import AT_ONCE, Stopping
from api.telling import MetricsPages
from overnight.catalog import Catalog, open_engine, require_schema
from overnight.config import Settings
from overnight.config.addresses import is_loopback
from overnight.domain.errors import InvalidConfig
from overnight.health.parts import Draining
from overnight.storage.local import LocalStorage
from overnight.storage.opening import opened
from workflows.runs import BatchRuns

LOOPBACK = "127.0.0.1"

_BACKLOG = 2_048
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = structlog.get_logger(__name__)


async def serve_gateway(
    settings: Settings,
    *,
    listener: socket.socket,
    connect: Callable[[], Awaitable[Client]],
    pages: MetricsPages | None = None,
    stopping: Stopping = AT_ONCE,
) -> None:
    """Serve on `listener` until SIGTERM or SIGINT, and stop in order. Meant for a loop of uvloop's.

    Raises SchemaMismatch, CatalogUnavailable, and what `connect` raises, which makes Temporal's client.
    """
    draining = Draining()
    async with _application(settings, connect, pages or MetricsPages(), draining) as app:
        address = ":".join(str(part) for part in listener.getsockname()[:2])
        _log.info("gateway_listening", address=address)
        await _Server(_uvicorn_config(app, stopping), draining, stopping).serve(sockets=[listener])
        _log.info("gateway_stopped", address=address)


def listen(settings: Settings, host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Without a master key it listens on loopback only, whatever `host` says. Raises InvalidConfig when it
    can't.
    """
    host = _allowed_host(host, settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InvalidConfig(f"The gateway can't listen on {host}:{port}: {error.strerror}.") from error


@asynccontextmanager
async def _application(
    settings: Settings,
    connect: Callable[[], Awaitable[Client]],
    pages: MetricsPages,
    draining: Draining,
) -> AsyncIterator[FastAPI]:
    async with opened(settings.storage) as storage:
        if isinstance(storage, LocalStorage) and (swept := await asyncio.to_thread(storage.sweep_incoming)):
            _log.info("swept_what_killed_writers_left", files=swept)
        engine = open_engine(settings.database_url)
        try:
            await require_schema(engine)
            app = create_app(
                settings=settings,
                storage=storage,
                catalog=Catalog(engine),
                runs=BatchRuns(await connect()),
                pages=pages,
                draining=draining,
            )
            gateway = app.state.gateway
            async with _meanwhile(gateway.downloads.begin()), _meanwhile(gateway.metrics.keep_fresh()):
                yield app
        finally:
            await engine.dispose()


@asynccontextmanager
async def _meanwhile(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Have `work` done while the block runs, since it may ask others, for whom nobody is to wait."""
    doing = asyncio.create_task(work)
    try:
        yield
    finally:
        doing.cancel()
        await asyncio.wait([doing])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, draining: Draining, stopping: Stopping) -> None:
        super().__init__(config)
        self._draining = draining
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal and leave it at that: uvicorn would raise it again and skip our own closing."""
        previous = {number: signal.signal(number, self.handle_exit) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Say first that it drains, and stop after that; Ctrl-C, or a second signal, stops it at once."""
        first = not self._draining.begun
        self._draining.begin()
        if not first or sig == signal.SIGINT or not self._stopping.drain:
            super().handle_exit(sig, frame)
            return
        seconds = self._stopping.drain.total_seconds()
        _log.info("gateway_draining", seconds=seconds)
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, seconds, super().handle_exit, sig, frame)


def _uvicorn_config(app: FastAPI, stopping: Stopping) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        # Our own request log has the path without ids and no query string.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(stopping.grace.total_seconds()),
    )


def _allowed_host(host: str, settings: Settings) -> str:
    if settings.master_key is not None or is_loopback(host):
        return host
    _log.warning("no_master_key", asked_for=host, listening_on=LOOPBACK, why="anybody could call it")
    return LOOPBACK
