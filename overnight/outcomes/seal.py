"""A shard's checkpoints, turned into its sorted output and error lines: each input line exactly once."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from overnight.domain.file import BatchFileKind
from overnight.domain.layout import chunk_prefix, sealed_key
from overnight.domain.plan import Chunk, ShardPlan
from overnight.domain.status import NoAnswer
from overnight.domain.usage import Counts, Usage
from overnight.outcomes.chunk_lines import read_chunk
from overnight.outcomes.chunk_outcomes import ChunkOutcomes
from overnight.outcomes.errors import UnansweredLines
from overnight.outcomes.parts import read_parts
from overnight.outcomes.record import Record
from overnight.outcomes.result_line import error_line
from overnight.outcomes.scratch import Scratch
from overnight.storage.protocol import Storage, StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class SealTask:
    """Which shard to seal, and as which attempt. No two attempts at a shard may bear the same name."""

    batch_id: str
    input_key: str
    shard: int
    plan: ShardPlan
    attempt: str

    def sealed_key(self, kind: BatchFileKind) -> str:
        """Return the key of this attempt's lines for the output or the error file."""
        return sealed_key(self.batch_id, self.shard, attempt=self.attempt, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedShard:
    """A shard's lines in input order. `output` or `errors` is None where there is no such line.

    `model` is what the endpoint called itself in the first answer that says so.
    """

    output: StoredObject | None
    errors: StoredObject | None
    counts: Counts
    usage: Usage
    model: str | None


async def seal_shard(storage: Storage, *, task: SealTask, missing: NoAnswer | None) -> SealedShard:
    """Write a shard's outcomes, in input order, as one object of answers and one of errors.

    A line without an outcome gets `missing` as its error. Works in constant memory, sorting a chunk at a
    time on local scratch. Raises UnansweredLines if a line has no outcome and there is no `missing`, and
    StorageError.
    """
    with Scratch() as errors:
        seal = _Seal(storage, task=task, missing=missing, errors=errors)
        async with aclosing(seal.output()) as lines:
            output = await _put(storage, task.sealed_key(BatchFileKind.OUTPUT), lines)
        return SealedShard(
            output=output,
            errors=await _put(storage, task.sealed_key(BatchFileKind.ERROR), errors.blocks()),
            counts=Counts(task.plan.lines, seal.completed, seal.failed),
            usage=seal.usage,
            model=seal.model,
        )


class _Seal:
    """One walk over a shard's chunks, and what it adds up to."""

    def __init__(
        self, storage: Storage, *, task: SealTask, missing: NoAnswer | None, errors: Scratch
    ) -> None:
        self.completed = self.failed = 0
        self.usage = Usage()
        self.model: str | None = None
        self._storage = storage
        self._task = task
        self._no_answer = missing
        self._errors = errors

    async def output(self) -> AsyncGenerator[bytes, None]:
        """Yield the answered lines in input order; the others go to `errors`, in input order too."""
        for number, chunk in enumerate(self._task.plan.chunks):
            with ChunkOutcomes(chunk) as outcomes:
                await self._gather(number, outcomes)
                await self._give_the_rest_a_reason(chunk, outcomes)
                for ok, line in outcomes.lines():
                    if ok:
                        self.completed += 1
                        yield line + b"\n"
                    else:
                        self.failed += 1
                        self._errors.append(line + b"\n")

    async def _gather(self, number: int, outcomes: ChunkOutcomes) -> None:
        prefix = chunk_prefix(self._task.batch_id, self._task.shard, number)
        async with aclosing(read_parts(self._storage, prefix)) as records:
            async for record in records:
                if outcomes.add(record):
                    self.usage += record.usage
                    self.model = self.model or record.model

    async def _give_the_rest_a_reason(self, chunk: Chunk, outcomes: ChunkOutcomes) -> None:
        missing = outcomes.missing()
        if not missing:
            return
        if self._no_answer is None:
            raise UnansweredLines(missing=len(missing), first_index=min(missing))
        async with aclosing(read_chunk(self._storage, self._task.input_key, chunk)) as requests:
            async for request in requests:
                if request.index in missing:
                    outcomes.add(self._stopped(request.index, request.custom_id, self._no_answer))

    def _stopped(self, index: int, custom_id: str, no_answer: NoAnswer) -> Record:
        line = error_line(
            self._task.batch_id, index, custom_id=custom_id, code=no_answer.code, message=no_answer.message
        )
        return Record(index=index, ok=False, line=line)


async def _put(storage: Storage, key: str, content: AsyncIterator[bytes]) -> StoredObject | None:
    """Store `content`, or nothing at all if there is none."""
    async for first in content:
        return await storage.put(key, _beginning_with(first, content))
    return None


async def _beginning_with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
