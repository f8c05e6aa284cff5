"""What the tests of the simulated providers share: an input, a control door, a job that is done."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
from openai import AsyncOpenAI
from openai.types import Batch, FileObject

from simulators.native.server import NativeSimulator

DAY = 86_400
CHAT: Final = "/v1/chat/completions"


def jsonl(count: int, *, url: str = CHAT, model: str = "gpt-4o-mini", **body: Any) -> bytes:
    """Return an input file of so many lines, `r-0` and so on."""
    lines = []
    for index in range(count):
        asked = {"model": model, "messages": [{"role": "user", "content": f"hello {index}"}], **body}
        line = {"custom_id": f"r-{index}", "method": "POST", "url": url, "body": asked}
        lines.append(json.dumps(line).encode() + b"\n")
    return b"".join(lines)


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - of what is in another process, one can only ask
            await asyncio.sleep(0.01)


class Rehearsal:
    """A simulated provider whose time stands still, an SDK that does not retry, and the control door."""

    def __init__(self, simulator: NativeSimulator, client: AsyncOpenAI, http: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.client = client
        self.http = http

    async def order(self, path: str, said: object = None, *, status: int = 200) -> None:
        """Say something at the door."""
        async with self.http.post(self.simulator.control_url + path, json=said or {}) as answer:
            assert answer.status == status, await answer.text()

    async def look(self, path: str = "") -> Any:
        """Look behind the door."""
        async with self.http.get(self.simulator.control_url + path) as answer:
            return await answer.json()

    async def wait(self, seconds: float) -> None:
        """Let so much of the provider's time pass."""
        await self.order("/clock", {"advance_seconds": seconds})

    async def upload(self, content: bytes) -> FileObject:
        """Upload an input, and wait until it can be used."""
        uploaded = await self.client.files.create(file=("in.jsonl", content), purpose="batch")
        await self.wait(self.simulator.desk.rules.file_pending_seconds)
        return uploaded

    async def create(self, content: bytes, metadata: Mapping[str, str] | None = None) -> Batch:
        """Upload an input and create a batch of it."""
        uploaded = await self.upload(content)
        return await self.client.batches.create(
            input_file_id=uploaded.id,
            endpoint=CHAT,
            completion_window="24h",
            metadata=dict(metadata) if metadata else None,
        )

    async def finish(self, content: bytes, *, after: float = 100) -> Batch:
        """Create a batch and look at it after so many seconds of the provider's time."""
        created = await self.create(content)
        await self.wait(after)
        return await self.client.batches.retrieve(created.id)

    async def lines(self, file_id: str | None) -> list[Any]:
        """Download a result file."""
        assert file_id
        content = await self.client.files.content(file_id)
        return [json.loads(line) for line in content.content.splitlines()]

    async def ids(self, file_id: str | None) -> list[str]:
        """Return the `custom_id`s of a result file, in its order."""
        return [line["custom_id"] for line in await self.lines(file_id)]
