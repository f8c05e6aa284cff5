"""A gateway that listens, and the stand-ins for what a test wants to decide: Temporal and the disk."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import openai
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from overnight.catalog import Catalog
from overnight.domain.batch import BatchOrder
from overnight.domain.errors import IdempotencyMismatch, StorageFull, TemporalUnavailable
from overnight.storage.local import LocalStorage
from overnight.storage.protocol import StoredObject

KEY = "sk-1234"
BLOCK = 64 * 2**10


class Runs:
    """What the gateway sees of Temporal, without Temporal."""

    def __init__(self) -> None:
        self.started: dict[str, BatchOrder] = {}
        self.starts = 0
        self.cancelled: list[str] = []
        self.woken: list[str] = []
        self.unreachable = False

    async def start(self, order: BatchOrder) -> BatchOrder:
        await self.check()
        self.starts += 1
        known = self.started.setdefault(order.batch_id, order)
        if known.parameters_hash != order.parameters_hash:
            raise IdempotencyMismatch
        return known

    async def cancel(self, batch_id: str) -> None:
        await self.check()
        self.cancelled.append(batch_id)

    async def wake(self, workflow_id: str) -> None:
        await self.check()
        self.woken.append(workflow_id)

    async def check(self) -> None:
        if self.unreachable:
            raise TemporalUnavailable("Temporal did not answer: UNAVAILABLE")


class WatchedStorage(LocalStorage):
    """The local folder, with a disk whose size a test decides and an eye on what is handed over."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.free: int | None = None
        self.full_after: int | None = None
        self.blocks: list[int] = []
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def free_bytes(self) -> int | None:
        return self.free

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        return await super().put(key, self._watched(key, content))

    def everything(self) -> list[Path]:
        """Every file below the root, drafts included."""
        return [path for path in self.root.rglob("*") if path.is_file()]

    async def _watched(self, key: str, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for block in content:
            self.blocks.append(len(block))
            await self.flowing.wait()
            if self.full_after is not None and sum(self.blocks) > self.full_after:
                raise StorageFull("no room left", key=key)
            yield block


class Clock:
    """The time of day, until a test sets another."""

    now: datetime | None = None

    def __call__(self) -> datetime:
        return self.now or datetime.now(UTC)


@dataclass
class Served:
    """A gateway that is listening, and what it stands on."""

    port: int
    storage: WatchedStorage
    catalog: Catalog
    runs: Runs
    clock: Clock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def http(self, **options: Any) -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {KEY}", **options.pop("headers", {})}
        return httpx2.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, **{"timeout": 60, **options}
        )

    def sdk(self, *, key: str = KEY, base: str = "/v1", retries: int = 0) -> openai.AsyncOpenAI:
        plain = httpx2.AsyncClient(trust_env=False, timeout=60)
        return openai.AsyncOpenAI(
            base_url=self.url + base, api_key=key, max_retries=retries, http_client=plain
        )

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


class Front:
    """What the one server of the whole session serves: the gateway of the test that is running."""

    gateway: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.gateway(scope, receive, send)


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """Serve `app` as the gateway's own server does, on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving
