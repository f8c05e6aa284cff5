"""A batch's input, an endpoint that misbehaves when told to, and an impatient lane between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.plan import Chunk, ShardPlan
from overnight.domain.status import StopReason
from overnight.line_lane.chunk import ChunkProgress, ChunkTask, run_chunk
from overnight.line_lane.lane import LineLane
from overnight.line_lane.patience import Patience
from overnight.outcomes.seal import SealedShard, SealTask, seal_shard
from overnight.storage.memory import MemoryStorage
from simulators.endpoint import EndpointSimulator

BATCH = "batch_00000000000000000000000000000001"
OTHER_BATCH = "batch_00000000000000000000000000000002"
INPUT = "files/input"

IMPATIENT = Patience(
    attempts=3,
    first_backoff=timedelta(milliseconds=1),
    longest_backoff=timedelta(milliseconds=4),
    longest_retry_after=timedelta(milliseconds=20),
    first_probe=timedelta(milliseconds=5),
    longest_probe=timedelta(milliseconds=20),
    connect=timedelta(seconds=1),
    doubt=timedelta(milliseconds=50),
    rate_limit_doubt=timedelta(milliseconds=100),
)


def body(text: str, **fields: Any) -> dict[str, Any]:
    """A chat completion's body; `fault={...}` asks the simulator to misbehave for this line alone."""
    fault = fields.pop("fault", None)
    marker = {"metadata": {"fault": json.dumps(fault)}} if fault else {}
    return {"model": "my-model", "messages": [{"role": "user", "content": text}], **marker, **fields}


def raw(content: dict[str, Any]) -> bytes:
    """The bytes in which a body stands in the input."""
    return json.dumps(content).encode()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that comes about in this process."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the conditions are the simulator's counters
            await asyncio.sleep(0.002)


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


@dataclass
class Workbench:
    """One shard on its way through the lane."""

    lane: LineLane
    storage: MemoryStorage
    endpoint: EndpointSimulator
    reports: list[ChunkProgress] = field(default_factory=list)
    plan: ShardPlan = field(default_factory=lambda: ShardPlan(()))
    url: Endpoint = Endpoint.CHAT_COMPLETIONS

    @property
    def waiting_on(self) -> str | None:
        """What the last report says that lines wait for."""
        return self.reports[-1].waiting_on if self.reports else None

    def deployment(self, **fields: Any) -> Deployment:
        given: dict[str, Any] = {
            "id": "dep_1",
            "model_name": "my-model",
            "provider": "hosted_vllm",
            "model": "*",
            "api_base": self.endpoint.base_url,
            **fields,
        }
        return Deployment(**given)

    async def given(self, *bodies: dict[str, Any], chunk_lines: int = 1000) -> None:
        """Put lines with these bodies into storage, and cut them into chunks."""
        lines = [
            b'{"custom_id":"line-%d","method":"POST","url":"%b","body":%b}\n'
            % (number, self.url.encode(), raw(content))
            for number, content in enumerate(bodies)
        ]
        await self.storage.put(INPUT, once(b"".join(lines)))
        chunks, offset = [], 0
        for start in range(0, len(lines), chunk_lines):
            some = lines[start : start + chunk_lines]
            chunks.append(Chunk(offset, sum(map(len, some)), start, len(some)))
            offset += chunks[-1].length
        self.plan = ShardPlan(tuple(chunks))

    def task(self, number: int = 0, *, attempt: str = "1", batch: str = BATCH) -> ChunkTask:
        return ChunkTask(
            batch_id=batch,
            input_key=INPUT,
            endpoint=self.url,
            shard=0,
            number=number,
            chunk=self.plan.chunks[number],
            attempt=attempt,
        )

    async def run(
        self, number: int = 0, *, attempt: str = "1", batch: str = BATCH, **deployment: Any
    ) -> ChunkProgress:
        return await run_chunk(
            self.lane,
            self.storage,
            task=self.task(number, attempt=attempt, batch=batch),
            deployment=self.deployment(**deployment),
            report=self.reports.append,
        )

    async def seal(self, reason: StopReason | None = None) -> SealedShard:
        task = SealTask(batch_id=BATCH, input_key=INPUT, shard=0, plan=self.plan, attempt="1")
        return await seal_shard(self.storage, task=task, missing=reason and reason.no_answer)

    async def results(self, reason: StopReason | None = None) -> tuple[list[Any], list[Any]]:
        """Seal, and return the output lines and the error lines."""
        sealed = await self.seal(reason)
        return (
            await self.lines(sealed.output.key if sealed.output else None),
            await self.lines(sealed.errors.key if sealed.errors else None),
        )

    async def lines(self, key: str | None) -> list[Any]:
        content = b"".join([block async for block in self.storage.get(key)]) if key else b""
        return [json.loads(line) for line in content.decode().split("\n")[:-1]]

    async def only_answer(self) -> Any:
        (line,), errors = await self.results()
        assert errors == []
        return line

    async def only_error(self) -> Any:
        output, (line,) = await self.results()
        assert output == []
        return line
