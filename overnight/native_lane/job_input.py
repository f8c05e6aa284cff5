"""What a provider's job is made of: the shard's requests, under the provider's own name of the model."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from overnight.domain.endpoint import Endpoint
from overnight.domain.plan import ShardPlan
from overnight.jsonl import Request, with_model
from overnight.outcomes.chunk_lines import read_slabs
from overnight.storage.protocol import Storage

_encode = msgspec.json.Encoder().encode
_LINE = b'{"custom_id":%b,"method":"POST","url":"%b","body":%b}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """A shard as JSONL for a provider. `model` None leaves the name that the client gave."""

    storage: Storage
    input_key: str
    plan: ShardPlan
    endpoint: Endpoint
    model: str | None

    async def size(self) -> int:
        """Return how many bytes `content` yields. It reads them all. Raises StorageError."""
        return sum([len(block) async for block in self.content()])

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the lines in input order, some hundred kilobytes at a time. Raises StorageError."""
        for chunk in self.plan.chunks:
            async with aclosing(read_slabs(self.storage, self.input_key, chunk)) as slabs:
                async for requests in slabs:
                    yield b"".join(map(self._line, requests))

    def _line(self, request: Request) -> bytes:
        body = request.body if self.model is None else with_model(request.body, self.model)
        return _LINE % (_encode(request.custom_id), self.endpoint.value.encode(), body)
