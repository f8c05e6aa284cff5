"""A server on a socket of its own that keeps what is posted to it; it can refuse, hang and go down."""

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers `status` to everything, with `answer`; what it has taken with a 2xx is in `posted`.

    Once it has taken `full_after` it answers 503.
    """

    port: int = field(default_factory=free_port)
    status: int = 200
    answer: bytes = b""
    hangs: bool = False
    full_after: int | None = None
    posted: list[Posted] = field(default_factory=list)
    refused: int = 0
    _let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        self._let_go.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def recover(self) -> None:
        """Hang no more."""
        self.hangs = False
        self._let_go.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.hangs:
            await self._let_go.wait()
        full = self.full_after is not None and len(self.posted) >= self.full_after
        status = 503 if full else self.status
        if status >= 300:
            self.refused += 1
            return web.Response(status=status)
        # aiohttp has unpacked a body that was compressed.
        packed = body[:2] == b"\x1f\x8b"
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posted.append(Posted(request.path, headers, gzip.decompress(body) if packed else body))
        return web.Response(status=self.status, body=self.answer)
