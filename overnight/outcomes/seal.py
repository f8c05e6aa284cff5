"""A shard's checkpoints, turned into its sorted output and error lines: each input line exactly once.

On the way every line gets its part of the receipt, which is charged in the next step.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from msgspec.structs import replace

from overnight.domain.file import BatchFileKind
from overnight.domain.layout import chunk_prefix, receipt_key, sealed_key
from overnight.domain.plan import Chunk, ShardPlan
from overnight.domain.price import OTHER_TIER
from overnight.domain.status import NoAnswer
from overnight.domain.usage import Counts, Usage
from overnight.outcomes.chunk_lines import read_chunk, read_digests
from overnight.outcomes.chunk_outcomes import ChunkOutcomes
from overnight.outcomes.errors import UnansweredLines
from overnight.outcomes.parts import read_parts
from overnight.outcomes.receipt_line import ReceiptLine, encode_lines, receipt_line
from overnight.outcomes.record import Record
from overnight.outcomes.result_line import error_line
from overnight.outcomes.scratch import Scratch
from overnight.storage.protocol import Storage, StoredObject

MAX_SERVED = 10
"""How many models, each with its service tiers, a shard's answers may name of a deployment. Of who makes up a
new one for each nothing is kept but that there was a tier."""


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

    @property
    def receipt_key(self) -> str:
        """The key of this attempt's receipt."""
        return receipt_key(self.batch_id, self.shard, attempt=self.attempt, charged=False)


@dataclass(frozen=True, slots=True)
class Served:
    """Whose answers there are: a deployment, by its id, and what the model called itself there.

    `service_tier` is the one that the answers name, if that is none that costs what is usual.
    """

    deployment: str | None
    model: str | None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedShard:
    """A shard's lines in input order. `output` or `errors` is None where there is no such line.

    `model` is what the endpoint called itself in the first answer that says so, `served` all who answered.
    """

    output: StoredObject | None
    errors: StoredObject | None
    counts: Counts
    usage: Usage
    model: str | None
    served: tuple[Served, ...]


async def seal_shard(storage: Storage, *, task: SealTask, missing: NoAnswer | None) -> SealedShard:
    """Write a shard's outcomes, in input order, as one object of answers, one of errors and one of receipts.

    A line without an outcome gets `missing` as its error. Works in constant memory, sorting a chunk at a
    time on local scratch. Raises UnansweredLines if a line has no outcome and there is no `missing`, and
    StorageError.
    """
    with Scratch() as errors, Scratch() as receipt:
        seal = _Seal(storage, task=task, missing=missing, errors=errors, receipt=receipt)
        async with aclosing(seal.output()) as lines:
            output = await _put(storage, task.sealed_key(BatchFileKind.OUTPUT), lines)
        await _put(storage, task.receipt_key, receipt.blocks())
        return SealedShard(
            output=output,
            errors=await _put(storage, task.sealed_key(BatchFileKind.ERROR), errors.blocks()),
            counts=Counts(task.plan.lines, seal.completed, seal.failed),
            usage=seal.usage,
            model=seal.model,
            served=tuple(seal.served),
        )


class _Seal:
    """One walk over a shard's chunks, and what it adds up to."""

    def __init__(
        self,
        storage: Storage,
        *,
        task: SealTask,
        missing: NoAnswer | None,
        errors: Scratch,
        receipt: Scratch,
    ) -> None:
        self.completed = self.failed = 0
        self.model: str | None = None
        self.served: dict[Served, None] = {}
        self._storage = storage
        self._task = task
        self._tokens: Counter[str] = Counter()
        self._no_answer = missing
        self._errors = errors
        self._receipt = receipt

    @property
    def usage(self) -> Usage:
        """The tokens of all answers so far."""
        return Usage(**self._tokens)

    async def output(self) -> AsyncGenerator[bytes, None]:
        """Yield the answered lines in input order; the others go to `errors`, in input order too."""
        for number, chunk in enumerate(self._task.plan.chunks):
            with ChunkOutcomes(chunk) as outcomes:
                await self._gather(number, outcomes)
                await self._give_the_rest_a_reason(chunk, outcomes)
                digests = read_digests(self._storage, self._task.input_key, chunk)
                receipts: list[ReceiptLine] = []
                async with aclosing(digests):
                    for record in outcomes.records():
                        receipts.append(self._receipted(record, await anext(digests)))
                        if record.ok:
                            self.completed += 1
                            yield record.line + b"\n"
                        else:
                            self.failed += 1
                            self._errors.append(record.line + b"\n")
                self._receipt.append(encode_lines(receipts))

    async def _gather(self, number: int, outcomes: ChunkOutcomes) -> None:
        prefix = chunk_prefix(self._task.batch_id, self._task.shard, number)
        async with aclosing(read_parts(self._storage, prefix)) as records:
            async for record in records:
                if outcomes.add(record):
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

    def _receipted(self, record: Record, request_sha256: str) -> ReceiptLine:
        line = receipt_line(
            record.index,
            record.line,
            ok=record.ok,
            request_sha256=request_sha256,
            model=record.model,
            source=record.source,
        )
        if line.answered:
            if _served(line) not in self.served:
                line = self._of_few(line)
                self.served[_served(line)] = None
            for name, count in line.tokens.items():
                self._tokens[name] += count
        return line

    def _of_few(self, line: ReceiptLine) -> ReceiptLine:
        """Return it without a name that would be one too many."""
        if sum(each.deployment == line.deployment for each in self.served) < MAX_SERVED:
            return line
        return replace(line, model=None, service_tier=line.tier and OTHER_TIER)


def _served(line: ReceiptLine) -> Served:
    return Served(line.deployment, line.model, line.tier)


async def _put(storage: Storage, key: str, content: AsyncIterator[bytes]) -> StoredObject | None:
    """Store `content`, or nothing at all if there is none."""
    async for first in content:
        return await storage.put(key, _beginning_with(first, content))
    return None


async def _beginning_with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
