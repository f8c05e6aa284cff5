"""`overnight serve`: everything on one machine. Temporal, a worker and a gateway, kept running."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx2
import structlog
from temporalio.service import RPCError

from api.stopping import AT_ONCE
from cli.data_folder import DataFolder
from cli.embedded_temporal import TemporalServer, embedded_server, runs_elsewhere
from cli.ports import any_free, require_free, url_here
from cli.programs import part, stop_signals
from cli.supervisor import Child, Program, Ties, ready_at_once
from overnight.catalog import upgrade
from overnight.config import Settings
from workers.terms import USUAL
from workflows import search_attributes
from workflows.connecting import connect

METRICS_HOST = "127.0.0.1"

_LOOK_AGAIN = timedelta(seconds=0.1)
_ANSWER_WITHIN = timedelta(seconds=10)
_NO_ANSWER = "no answer yet"

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOrder:
    """What `serve` was asked for. Ports that are None are ours to choose."""

    settings: Settings
    config: Path | None
    host: str
    port: int
    temporal_port: int | None
    temporal_ui_port: int | None
    log_level: str

    @property
    def url(self) -> str:
        """Where the gateway is, from this machine."""
        return url_here(self.host, self.port)


async def serve(order: ServeOrder) -> None:
    """Run everything until SIGTERM or Ctrl-C, and stop it in order; a second one stops it at once.

    Raises InvalidConfig, DataFolderTaken, PortTaken, TemporalMissing, or ChildFailed when a part does
    not start.
    """
    stop, hurry = stop_signals()
    for warning in order.settings.warnings:
        _log.warning("configuration", says=warning)
    folder = await DataFolder.take(order.settings.data_dir)
    try:
        require_free(order.host, order.port)
        await asyncio.to_thread(upgrade, order.settings.database_url)
        supervision = _Supervision(order, folder, hurry=hurry)
        await supervision.run_until(stop)
    finally:
        folder.leave()


class _Supervision:
    def __init__(self, order: ServeOrder, folder: DataFolder, *, hurry: asyncio.Event) -> None:
        self._order = order
        self._folder = folder
        self._hurry = hurry
        self._ties = Ties.make(lock=folder.lock_descriptor)
        self._temporal: TemporalServer | None = None
        self._children: dict[str, Child] = {}

    async def run_until(self, stop: asyncio.Event) -> None:
        """Start the parts in order, wait for `stop`, and stop them in the opposite order."""
        async with AsyncExitStack() as stack:
            stack.callback(self._ties.cut)
            starting = asyncio.create_task(self._start_all(stack))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                self._say_where()
                await stopping
            starting.cancel()
            stopping.cancel()
            await asyncio.wait({starting, stopping})
            _log.info("stopping")

    async def _start_all(self, stack: AsyncExitStack) -> None:
        address = await self._start_temporal(stack)
        place = () if address is None else ("--embedded-temporal", address)
        # On a port of its own, and read by the gateway: so there is one page for both.
        metrics = self._order.settings.worker_metrics_port or any_free(METRICS_HOST)
        told = ("--metrics-port", str(metrics), "--metrics-host", METRICS_HOST)
        await self._start(stack, self._part("worker", USUAL.ends_within, *place, *told))
        told_at = ("--worker-metrics", f"http://{METRICS_HOST}:{metrics}/metrics")
        # Nobody balances loads here, so nobody has to see that it drains.
        door = ("--host", self._order.host, "--port", str(self._order.port), "--drain", "0", *told_at)
        await self._start(
            stack, self._part("gateway", AT_ONCE.ends_within, *door, *place, become_ready=self._gateway_ready)
        )

    async def _start_temporal(self, stack: AsyncExitStack) -> str | None:
        order = self._order
        if runs_elsewhere(os.environ):
            await _register_elsewhere()
            return None
        self._temporal = await embedded_server(
            order.settings.data_dir, port=order.temporal_port, ui_port=order.temporal_ui_port
        )
        await self._start(stack, self._temporal.program())
        return self._temporal.address

    async def _start(self, stack: AsyncExitStack, program: Program) -> None:
        child = self._children[program.name] = Child(program, ties=self._ties, started=self._note)
        stack.push_async_callback(child.stop, hurry=self._hurry)
        await child.start()

    def _part(
        self,
        name: str,
        grace: timedelta,
        *arguments: str,
        become_ready: Callable[[], Awaitable[None]] = ready_at_once,
    ) -> Program:
        order = self._order
        config = ("--config", str(order.config)) if order.config else ()
        shared = ("--data-dir", str(order.settings.data_dir), "--log-level", order.log_level, *config)
        return part(name, name, *shared, *arguments, grace=grace, become_ready=become_ready)

    async def _gateway_ready(self) -> None:
        key = self._order.settings.master_key
        # As bytes, since a key may hold any letter. Without it the reason would not be told.
        shown = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
        async with httpx2.AsyncClient(
            headers=shown, timeout=_ANSWER_WITHIN.total_seconds(), trust_env=False
        ) as http:
            said = ""
            while missing := await _what_is_missing(http, f"{self._order.url}/health/readiness"):
                if missing not in (said, _NO_ANSWER):
                    _log.warning("gateway is not ready", says=missing)
                    said = missing
                await asyncio.sleep(_LOOK_AGAIN.total_seconds())

    def _note(self) -> None:
        temporal = self._temporal
        self._folder.note(
            {
                "url": self._order.url,
                "temporal_address": temporal.address if temporal else None,
                "temporal_ui": temporal.ui if temporal else None,
                "children": {name: child.pid for name, child in self._children.items()},
            }
        )

    def _say_where(self) -> None:
        order = self._order
        places = {"gateway": f"{order.url}/v1", "docs": f"{order.url}/docs"}
        places["metrics"] = f"{order.url}/metrics"
        if self._temporal:
            places["temporal ui"] = self._temporal.ui
        places["data folder"] = str(order.settings.data_dir)
        lines = [f"  {name:12} {place}" for name, place in places.items()]
        if order.settings.master_key is None:
            lines.append("  no master key is set: loopback only, and any bearer is taken")
        sys.stdout.write("\n".join(["Overnight is ready.", *lines, ""]))
        sys.stdout.flush()


async def _what_is_missing(http: httpx2.AsyncClient, url: str) -> str | None:
    try:
        answer = await http.get(url)
    except httpx2.TransportError:
        return _NO_ANSWER
    return None if answer.is_success else answer.text


async def _register_elsewhere() -> None:
    try:
        await search_attributes.register(await connect())
    except RPCError as error:
        # A server that is not ours may not let us; its operator has to, then. The worker waits for that.
        _log.warning(
            "search attributes are not registered", why=error.status.name, see="overnight temporal setup"
        )
