"""A simulated provider, the deployment that leads to it, and the provider that is on trial."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec
import pytest

from overnight.domain.deployment import Deployment, GooglePlace
from overnight.domain.endpoint import Endpoint
from overnight.domain.job import Job, Tag
from overnight.jsonl import Request, read_requests
from overnight.providers import Content, Provider, Result
from overnight.providers.azure import AzureProvider
from overnight.providers.connection import Patience
from overnight.providers.openai import OpenAIProvider
from overnight.providers.vertex import VertexProvider
from simulators.azure import AzureShapes
from simulators.native.door import set_fault
from simulators.native.rules import Rules
from simulators.native.server import NativeSimulator
from simulators.openai import OpenAIShapes
from simulators.vertex.emulator import Emulator
from simulators.vertex.server import VertexSimulator

KEY = "sk-this-is-a-secret"
PATIENT = Patience(connect=timedelta(seconds=5), answer=timedelta(seconds=20), download=timedelta(seconds=20))
IMPATIENT = Patience(connect=timedelta(seconds=5), answer=timedelta(seconds=0.3), look=timedelta(seconds=0.3))

OPENAI, AZURE, AZURE_DATED, VERTEX = "openai", "azure", "azure with an api-version", "vertex"
PROVIDER_OF = {OPENAI: "openai", AZURE: "azure", AZURE_DATED: "azure", VERTEX: "vertex_ai"}
KINDS = tuple(PROVIDER_OF)
OPENAI_SHAPED = (OPENAI, AZURE, AZURE_DATED)
"""Those that have files of their own, and take and give OpenAI's lines."""

PROVIDERS = {"openai": OpenAIProvider, "azure": AzureProvider, "vertex_ai": VertexProvider}
BUCKET = "rows"
GOOGLE = GooglePlace(
    project="my-project", location="us-central1", bucket=BUCKET, prefix="some/path/", credentials="anonymous"
)


def tag(number: int = 1, *, shard: int = 0, batch_id: str = "batch_one") -> Tag:
    return Tag(batch_id, "file-0123456789abcdef", shard, number)


def lines(count: int, *, model: str = "gpt-4o-mini") -> bytes:
    bodies = ({"model": model, "messages": [{"role": "user", "content": f"say {i}"}]} for i in range(count))
    return b"".join(
        msgspec.json.encode(
            {"custom_id": f"line-{i}", "method": "POST", "url": Endpoint.CHAT_COMPLETIONS, "body": body}
        )
        + b"\n"
        for i, body in enumerate(bodies)
    )


def content_of(data: bytes, *, block: int = 100) -> Content:
    async def content() -> AsyncIterator[bytes]:
        for start in range(0, len(data), block):
            yield data[start : start + block]

    return content


@dataclass
class Desk:
    """Both sides of the counter. `since` is when the test began."""

    kind: str
    simulator: NativeSimulator | VertexSimulator
    provider: Provider
    deployment: Deployment
    since: datetime

    async def upload(self, data: bytes, *, tag: Tag) -> str:
        rows = self.rows(data)
        return await self.provider.upload(content_of(rows), size=len(rows), tag=tag)

    def rows(self, data: bytes) -> bytes:
        """Return lines of OpenAI's as they are written for this provider."""
        return data

    async def submit(self, count: int = 4, *, tag: Tag) -> Job:
        """Upload some lines, and make a job of them."""
        file_id = await self.upload(lines(count), tag=tag)
        self.pass_time(10)
        return await self.provider.submit(tag=tag, file_id=file_id, endpoint=Endpoint.CHAT_COMPLETIONS)

    async def ended(self, count: int = 4, *, tag: Tag) -> Job:
        """Return a job that has had all the time it needs."""
        job = await self.submit(count, tag=tag)
        self.pass_time(3_600)
        return await self.provider.poll(job.id)

    async def results(self, job: Job) -> list[Result]:
        return [result async for result in self.provider.results(job)]

    def fault(self, *, verb: str | None = None, **said: object) -> None:
        """Have calls go wrong; a `verb` is named as at OpenAI."""
        set_fault(self.simulator.desk, {**said, **({"verb": self.verb(verb)} if verb else {})})

    def verb(self, verb: str) -> str:
        """Return what the provider calls one of OpenAI's verbs."""
        return verb

    def calls(self, verb: str) -> int:
        """Return how often it was asked for this so far."""
        return self.simulator._api.calls[self.verb(verb)]

    def fate(self, **fate: object) -> None:
        """Let the jobs that are created from now on have this fate."""
        set_fault(self.simulator.desk, {"job": fate})

    def rule(self, **changed: object) -> None:
        self.simulator.desk.rules = self.simulator.desk.rules.changed(changed)

    def pass_time(self, seconds: float) -> None:
        """Put the provider's clock forward; it does not move by itself."""
        self.simulator.desk.clock.advance(seconds)

    def job_ids(self) -> list[str]:
        """What is really there, listed or not."""
        return list(self.simulator.desk.jobs)


class VertexDesk(Desk):
    """The same, where jobs have rows of their own, and these lie in a bucket."""

    _VERBS: ClassVar[Mapping[str, str]] = {
        "batches.create": "jobs.create",
        "batches.list": "jobs.list",
        "batches.retrieve": "jobs.get",
        "batches.cancel": "jobs.cancel",
    }

    def rows(self, data: bytes) -> bytes:
        """Return lines of OpenAI's as rows."""
        shape = self.provider.shape(Endpoint.CHAT_COMPLETIONS, model=None)
        return b"".join(map(shape.row, read_requests(data, first_index=0)))

    async def results(self, job: Job) -> list[Result]:
        """Return the results under the ids of their lines."""
        results = await super().results(job)
        shape = self.provider.shape(Endpoint.CHAT_COMPLETIONS, model=None)
        ids = {shape.key(Request(0, each, b"{}")): each for each in (f"line-{i}" for i in range(1_000))}
        return [msgspec.structs.replace(result, key=ids[result.key]) for result in results]

    def verb(self, verb: str) -> str:
        return self._VERBS.get(verb, verb)


@asynccontextmanager
async def opened(kind: str, *, patience: Patience = PATIENT) -> AsyncIterator[Desk]:
    """Serve one provider, whose time stands still."""
    if kind == VERTEX:
        async with _vertex(patience=patience) as desk:
            yield desk
        return
    shapes = OpenAIShapes() if kind == OPENAI else AzureShapes()
    rules: Rules = replace(shapes.rules(), key=KEY)
    async with NativeSimulator(shapes, rules=rules, speed=0) as simulator:
        deployment = deployment_of(kind, simulator.listener.url)
        async with _asked(deployment, patience=patience) as provider:
            yield Desk(kind, simulator, provider, deployment, datetime.now(UTC))


@asynccontextmanager
async def _vertex(*, patience: Patience) -> AsyncIterator[Desk]:
    with Emulator(bucket=BUCKET) as gcs, pytest.MonkeyPatch.context() as environ:
        environ.setenv("STORAGE_EMULATOR_HOST", gcs.url)
        async with VertexSimulator(gcs=gcs.url, speed=0) as simulator:
            deployment = deployment_of(VERTEX, simulator.api_base)
            async with _asked(deployment, patience=patience) as provider:
                yield VertexDesk(VERTEX, simulator, provider, deployment, datetime.now(UTC))


@asynccontextmanager
async def _asked(deployment: Deployment, *, patience: Patience) -> AsyncIterator[Provider]:
    provider = make(deployment, patience=patience)
    try:
        yield provider
    finally:
        await provider.close()


def deployment_of(kind: str, url: str, *, key: str = KEY) -> Deployment:
    return Deployment(
        id="dep_1",
        model_name="gpt",
        provider=PROVIDER_OF[kind],
        model="gemini-2.5-flash-lite" if kind == VERTEX else "gpt-4o-mini",
        api_base=f"{url}/v1" if kind == OPENAI else url,
        api_key=None if kind == VERTEX else key,
        key_source="environment variable SOME_KEY",
        api_version="2024-10-21" if kind == AZURE_DATED else None,
        google=GOOGLE if kind == VERTEX else None,
    )


def make(deployment: Deployment, *, patience: Patience = PATIENT) -> Provider:
    return PROVIDERS[deployment.provider](deployment, patience=patience)
