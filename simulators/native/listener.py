"""A port that can be closed and opened again, as a server that goes down and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

HOST = "127.0.0.1"


class Listener:
    """One port of loopback, 0 choosing a free one that it keeps while it is down and up again."""

    def __init__(self, port: int, app: Callable[[], web.Application]) -> None:
        self.port = port
        self._app = app
        self._runner: web.AppRunner | None = None
        self._returning: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    @property
    def url(self) -> str:
        """The origin it serves."""
        return f"http://{HOST}:{self.port}"

    async def come_up(self) -> None:
        """Listen, on the port it had before if it had one; does nothing while it does so."""
        async with self._changing:
            if self._runner is None:
                self._runner = await self._serve()

    async def go_down(self) -> None:
        """Refuse connections, and drop those that are open."""
        async with self._changing:
            runner, self._runner = self._runner, None
            if runner:
                await runner.cleanup()

    def be_down(self, seconds: float | None) -> None:
        """Go down soon, and come back after so many seconds of our time; None: not by itself."""
        self.stay()
        self._returning = asyncio.create_task(self._away(seconds))

    def stay(self) -> None:
        """Forget about going down or coming back."""
        if self._returning:
            self._returning.cancel()

    async def _away(self, seconds: float | None) -> None:
        # Whoever brings it up meanwhile waits until it is down.
        await asyncio.shield(self.go_down())
        if seconds is not None:
            await asyncio.sleep(seconds)
            await self.come_up()

    async def _serve(self) -> web.AppRunner:
        # A handler that hangs ends with its connection; otherwise it would keep the simulator from ending.
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, HOST, self.port, reuse_address=True, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner
