"""What the steps of a batch stand on in these tests: real rows, objects in memory, one order."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import Bookkeeping
from activities.events import EventBooks
from activities.ingest import Ingest
from activities.payloads import Manifest
from activities.recalling import Recalling, Remembered
from overnight.catalog import Catalog
from overnight.config import LocalStorageSettings, Settings
from overnight.domain.batch import BatchOrder
from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.file import File, FilePurpose
from overnight.domain.layout import file_key, plan_key
from overnight.domain.plan import ShardPlan
from overnight.events.settings import RemoteSettings
from overnight.jsonl import decode_plan
from overnight.storage.memory import MemoryStorage

INPUT = "file-in"
BATCH = "batch_1"
NO_SINKS: Mapping[str, RemoteSettings] = {}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def line(number: int, *, url: str = Endpoint.CHAT_COMPLETIONS.value, **body: Any) -> bytes:
    """A good line, for model `m` unless `body` says otherwise."""
    request = {
        "custom_id": f"line-{number}",
        "method": "POST",
        "url": url,
        "body": {"model": "m", "messages": [{"role": "user", "content": f"say {number}"}], **body},
    }
    return json.dumps(request).encode() + b"\n"


def lines(count: int, **fields: Any) -> bytes:
    return b"".join(line(number, **fields) for number in range(count))


def deployment(name: str = "dep_1", **fields: Any) -> Deployment:
    given: dict[str, Any] = {
        "id": name,
        "model_name": "m",
        "provider": "hosted_vllm",
        "model": "*",
        "api_base": "http://127.0.0.1:9/v1",
        **fields,
    }
    return Deployment(**given)


def settings(
    *deployments: Deployment, default_model: str | None = None, sinks: Mapping[str, RemoteSettings] = NO_SINKS
) -> Settings:
    return Settings(
        deployments=deployments or (deployment(),),
        default_model=default_model,
        sinks=sinks,
        storage=LocalStorageSettings(Path("unused")),
        database_url="unused",
        master_key=None,
        poll_initial=timedelta(seconds=5),
        poll_max=timedelta(seconds=60),
        data_dir=Path("unused"),
    )


def order(batch_id: str = BATCH, **fields: Any) -> BatchOrder:
    given: dict[str, Any] = {
        "batch_id": batch_id,
        "project": "default",
        "input_file_id": INPUT,
        "endpoint": Endpoint.CHAT_COMPLETIONS,
        "completion_window": "24h",
        "window": timedelta(hours=24),
        "created_at": NOW,
        **fields,
    }
    return BatchOrder(**given)


async def blocks(content: Iterable[bytes]) -> AsyncIterator[bytes]:
    for block in content:
        yield block


class Together(MemoryStorage):
    """A store that removes nothing before it is asked for several objects at once."""

    def __init__(self, *, several: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self._several = asyncio.Barrier(several)

    async def delete(self, key: str) -> None:
        async with asyncio.timeout(60), self._several:
            await super().delete(key)


@dataclass
class House:
    """Rows and objects, and what tests want to put into them and see of them."""

    catalog: Catalog
    storage: MemoryStorage

    async def put(self, key: str, *content: bytes) -> None:
        await self.storage.put(key, blocks(content))

    async def content(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        return b"".join([block async for block in self.storage.get(key, start=start, end=end)])

    async def keys(self, prefix: str) -> list[str]:
        return [stored.key async for stored in self.storage.list(prefix)]

    async def upload(self, content: bytes, *, file_id: str = INPUT, **row: Any) -> None:
        await self.put(file_key(file_id), content)
        await self.add_row(file_id, size=len(content), **row)

    async def add_row(
        self, file_id: str, *, size: int = 1, provider: str | None = None, expires_at: datetime | None = None
    ) -> None:
        file = File(
            id=file_id,
            project="default",
            filename="in.jsonl",
            purpose=FilePurpose.BATCH,
            bytes=size,
            key=file_key(file_id),
            created_at=NOW - timedelta(minutes=1),
            expires_at=expires_at,
            provider=provider,
        )
        await self.catalog.add_file(file)

    async def ingest(self, placed: BatchOrder | None = None, *, with_: Settings | None = None) -> Manifest:
        step = Ingest(settings=with_ or settings(), catalog=self.catalog, storage=self.storage)
        return await ActivityEnvironment().run(step.ingest, placed or order())

    async def plan(self, shard: int) -> ShardPlan:
        return decode_plan(await self.content(plan_key(BATCH, shard)))

    async def files(self) -> list[File]:
        page = await self.catalog.list_files(project="default", now=datetime.now(UTC))
        return page.items


class Forgetful(Recalling):
    """A Temporal that remembers nothing."""

    def __init__(self) -> None: ...

    async def put_back(self, batch_id: str) -> Remembered | None:
        return None


def bookkeeping(house: House, here: Settings | None = None, **more: Any) -> Bookkeeping:
    """The steps that write rows."""
    events = EventBooks(settings=here or settings(), catalog=house.catalog)
    rest = {"recalling": Forgetful(), **more}
    return Bookkeeping(catalog=house.catalog, storage=house.storage, events=events, **rest)
