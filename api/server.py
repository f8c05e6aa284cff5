"""The gateway as a process: opens what it stands on, serves until it is told to stop, and closes it again."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import structlog
import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from api.app import create_app
from overnight.catalog import Catalog, open_engine, upgrade
from overnight.config import Settings
from overnight.config.addresses import is_loopback
from overnight.domain.errors import InvalidConfig
from overnight.storage.local import LocalStorage
from overnight.storage.opening import opened
from workflows.runs import BatchRuns

LOOPBACK = "127.0.0.1"
GRACE = timedelta(seconds=10)
"""How long requests that are under way may take to end once the gateway is told to stop."""

_BACKLOG = 2_048
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = structlog.get_logger(__name__)


async def serve_gateway(
    settings: Settings, *, host: str, port: int, connect: Callable[[], Awaitable[Client]]
) -> None:
    """Serve until SIGTERM or SIGINT; what is under way then may end. Meant for a loop of uvloop's.

    Without a master key it listens on loopback only, whatever `host` says. Raises InvalidConfig when it
    can't listen there, and what `connect` (which makes the Temporal client) raises.
    """
    with _listen(_allowed_host(host, settings), port) as listener:
        async with _application(settings, connect) as app:
            address = ":".join(str(part) for part in listener.getsockname()[:2])
            _log.info("gateway_listening", address=address)
            await _Server(_uvicorn_config(app)).serve(sockets=[listener])
            _log.info("gateway_stopped", address=address)


@asynccontextmanager
async def _application(
    settings: Settings, connect: Callable[[], Awaitable[Client]]
) -> AsyncIterator[FastAPI]:
    async with opened(settings.storage) as storage:
        if isinstance(storage, LocalStorage) and (swept := await asyncio.to_thread(storage.sweep_incoming)):
            _log.info("swept_what_killed_writers_left", files=swept)
        await asyncio.to_thread(upgrade, settings.database_url)
        engine = open_engine(settings.database_url)
        try:
            yield create_app(
                settings=settings,
                storage=storage,
                catalog=Catalog(engine),
                runs=BatchRuns(await connect()),
            )
        finally:
            await engine.dispose()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal and leave it at that: uvicorn would raise it again and skip our own closing."""
        previous = {number: signal.signal(number, self.handle_exit) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _uvicorn_config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        # Our own request log has the path without ids and no query string.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(GRACE.total_seconds()),
    )


def _allowed_host(host: str, settings: Settings) -> str:
    if settings.master_key is not None or is_loopback(host):
        return host
    _log.warning("no_master_key", asked_for=host, listening_on=LOOPBACK, why="anybody could call it")
    return LOOPBACK


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InvalidConfig(f"The gateway can't listen on {host}:{port}: {error.strerror}.") from error
