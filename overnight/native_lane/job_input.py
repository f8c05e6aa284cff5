"""What a provider's job is made of: the shard's requests, as that provider has them written."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from overnight.domain.errors import Untranslatable
from overnight.domain.plan import ShardPlan
from overnight.jsonl import Request
from overnight.outcomes.chunk_lines import read_slabs
from overnight.providers.protocol import Shape
from overnight.storage.protocol import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class JobInput:
    """A shard as a file for a provider. Requests that its shape can't express are left out."""

    storage: Storage
    input_key: str
    plan: ShardPlan
    shape: Shape

    async def size(self) -> int:
        """Return how many bytes `content` yields. It reads them all. Raises StorageError."""
        return sum([len(block) async for block in self.content()])

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the rows in input order, some hundred kilobytes at a time. Raises StorageError."""
        for chunk in self.plan.chunks:
            async with aclosing(read_slabs(self.storage, self.input_key, chunk)) as slabs:
                async for requests in slabs:
                    yield b"".join(map(self._row, requests))

    def _row(self, request: Request) -> bytes:
        try:
            return self.shape.row(request)
        except Untranslatable:
            # Its outcome is written with those of the others, once the job has ended.
            return b""
