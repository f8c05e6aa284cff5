"""A simulated provider, the deployment that leads to it, and the provider that is on trial."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.job import Job, Tag
from overnight.providers import Content, Provider, Result
from overnight.providers.azure import AzureProvider
from overnight.providers.connection import Patience
from overnight.providers.openai import OpenAIProvider
from simulators.azure import AzureShapes
from simulators.native.door import set_fault
from simulators.native.rules import Rules
from simulators.native.server import NativeSimulator
from simulators.openai import OpenAIShapes

KEY = "sk-this-is-a-secret"
PATIENT = Patience(connect=timedelta(seconds=5), answer=timedelta(seconds=20), download=timedelta(seconds=20))
IMPATIENT = Patience(connect=timedelta(seconds=5), answer=timedelta(seconds=0.3), look=timedelta(seconds=0.3))

OPENAI, AZURE, AZURE_DATED = "openai", "azure", "azure with an api-version"
KINDS = (OPENAI, AZURE, AZURE_DATED)


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
    simulator: NativeSimulator
    provider: Provider
    deployment: Deployment
    since: datetime

    async def upload(self, data: bytes, *, tag: Tag) -> str:
        return await self.provider.upload(content_of(data), size=len(data), tag=tag)

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

    def fault(self, **said: object) -> None:
        set_fault(self.simulator.desk, said)

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


@asynccontextmanager
async def opened(kind: str, *, patience: Patience = PATIENT) -> AsyncIterator[Desk]:
    """Serve one provider, whose time stands still."""
    shapes = OpenAIShapes() if kind == OPENAI else AzureShapes()
    rules: Rules = replace(shapes.rules(), key=KEY)
    async with NativeSimulator(shapes, rules=rules, speed=0) as simulator:
        deployment = deployment_of(kind, simulator.listener.url)
        provider = make(deployment, patience=patience)
        try:
            yield Desk(kind, simulator, provider, deployment, datetime.now(UTC))
        finally:
            await provider.close()


def deployment_of(kind: str, url: str, *, key: str = KEY) -> Deployment:
    return Deployment(
        id="dep_1",
        model_name="gpt",
        provider="openai" if kind == OPENAI else "azure",
        model="gpt-4o-mini",
        api_base=f"{url}/v1" if kind == OPENAI else url,
        api_key=key,
        key_source="environment variable SOME_KEY",
        api_version="2024-10-21" if kind == AZURE_DATED else None,
    )


def make(deployment: Deployment, *, patience: Patience = PATIENT) -> Provider:
    if deployment.provider == "openai":
        return OpenAIProvider(deployment, patience=patience)
    return AzureProvider(deployment, patience=patience)
