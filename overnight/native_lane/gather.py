"""A job's results, kept as checkpoints: one part a chunk, from where the shard is sealed like any other.

Results come in any order, sometimes twice, sometimes not at all. They are sorted on local scratch, and
nothing is kept before all of them are here: a download that breaks off is begun again. A line that could
not be put into the job at all is told so here, with the others.
"""

from array import array
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from overnight.domain.errors import ProviderRefused, ResultsCut, Untranslatable
from overnight.domain.job import Job
from overnight.domain.layout import chunk_prefix, part_key
from overnight.domain.plan import Chunk, ShardPlan
from overnight.domain.status import BatchStatus
from overnight.native_lane.result_record import Translation
from overnight.outcomes.chunk_lines import read_slabs
from overnight.outcomes.parts import read_parts
from overnight.outcomes.record import Record, Source, pack_record, part_head
from overnight.outcomes.scratch import Scratch
from overnight.providers.protocol import RESULTS_GONE, Result, Shape
from overnight.storage.protocol import Storage

_ABSENT = -1
_BLOCK_BYTES = 256 * 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherTask:
    """Whose results they are, and as which attempt they are kept. No two attempts may bear the same name.

    `shape` is how the job's requests were written, `source` whose job it was.
    """

    batch_id: str
    shard: int
    input_key: str
    plan: ShardPlan
    attempt: str
    shape: Shape
    translation: Translation
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """How many lines have a result, and how many results were of no line of ours, or of one that had one.

    `refused` lines went into no job. `gone` is what the provider says of results that are no longer there,
    `cut` of a file that stops in the middle of a line.
    """

    lines: int = 0
    answered: int = 0
    superfluous: int = 0
    refused: int = 0
    gone: ProviderRefused | None = None
    cut: ResultsCut | None = None

    def lacks(self, job: Job | None) -> str | None:
        """Say what the results of a job lack that has ended; None stands for a job that nobody knows."""
        if self.answered + self.refused >= self.lines:
            return None
        lost = self.gone or self.cut
        if lost is not None:
            return lost.message
        done = job.counts.done if job else 0
        return f"results of {self.answered:,} of {done:,} lines so far" if self.answered < done else None

    def warning(self, job: Job) -> str | None:
        """Say, for people, what does not add up between a job's results and what it has counted.

        How a job that was cut short counts the lines it never came to, each provider decides for itself.
        """
        lost = self.gone or self.cut
        if lost is not None:
            return lost.message
        if self.superfluous:
            return f"job {job.id} has {self.superfluous:,} results too many, which were left out"
        if job.status is BatchStatus.COMPLETED and job.errors:
            return f"job {job.id} did not end well: {job.errors[0].message}"
        counted = job.counts
        if job.status is BatchStatus.COMPLETED and counted.total and counted.done != self.answered:
            return f"job {job.id} says {counted.done:,} lines are done, its results are of {self.answered:,}"
        return None


async def gather(
    storage: Storage, *, task: GatherTask, results: AsyncIterator[Result], kept: int | None = None
) -> Gathered:
    """Keep the outcome of every line that `results` has one for.

    When an earlier look at the same results has `kept` as many already, they are not kept once more. Memory
    is bounded by the shard's custom_ids. Raises what `results` raises, and StorageError.
    """
    gone: ProviderRefused | None = None
    cut: ResultsCut | None = None
    with Scratch() as scratch:
        sorting = _Sorting(scratch, task)
        await _expect(sorting, storage, task)
        try:
            async for result in results:
                sorting.add(result)
        except ProviderRefused as error:
            if error.code != RESULTS_GONE:
                raise
            # What there was of the other results is paid for as well.
            gone = error
        except ResultsCut as error:
            cut = error
        gathered = replace(sorting.gathered, gone=gone, cut=cut)
        if kept is None or gathered.answered > kept:
            await _keep(storage, task, sorting)
        return gathered


async def no_results() -> AsyncGenerator[Result, None]:
    """Yield what a job has made that there is not."""
    nothing: tuple[Result, ...] = ()
    for result in nothing:
        yield result


async def _keep(storage: Storage, task: GatherTask, sorting: "_Sorting") -> None:
    for number, chunk in enumerate(task.plan.chunks):
        if sorting.has_any(chunk):
            key = part_key(task.batch_id, task.shard, number, attempt=task.attempt, part=0)
            await storage.put(key, sorting.part(chunk))


async def gathered_before(storage: Storage, *, task: GatherTask) -> Gathered | None:
    """Return what earlier attempts have kept, or None if they have nothing of some chunk.

    Raises StorageError.
    """
    answered = 0
    for number in range(len(task.plan.chunks)):
        prefix = chunk_prefix(task.batch_id, task.shard, number)
        async with aclosing(read_parts(storage, prefix)) as records:
            indices = {record.index async for record in records}
        if not indices:
            return None
        answered += len(indices)
    return Gathered(lines=task.plan.lines, answered=answered)


class _Sorting:
    """Packed records on scratch, and where each line's is. A line's first result is the one that counts."""

    def __init__(self, scratch: Scratch, task: GatherTask) -> None:
        self._scratch = scratch
        self._translation = task.translation
        self._source = task.source
        self._first_index = task.plan.first_index
        self._firsts: dict[str, int] = {}
        self._others: dict[str, deque[int]] = {}
        self._custom_ids: list[str] = []
        self._offsets = array("q", [_ABSENT]) * task.plan.lines
        self._lengths = array("q", [0]) * task.plan.lines
        self._answered = self._superfluous = self._refused = 0

    @property
    def gathered(self) -> Gathered:
        """What has been added so far."""
        return Gathered(
            lines=len(self._custom_ids),
            answered=self._answered,
            superfluous=self._superfluous,
            refused=self._refused,
        )

    def expect(self, key: str, custom_id: str) -> None:
        """Expect the result of the next line."""
        number = len(self._custom_ids)
        if self._firsts.setdefault(key, number) != number:
            self._others.setdefault(key, deque()).append(number)
        self._custom_ids.append(custom_id)

    def refuse(self, custom_id: str, error: Untranslatable) -> None:
        """Expect none of the next line, which never went into the job."""
        number = len(self._custom_ids)
        self._custom_ids.append(custom_id)
        self._refused += 1
        index = self._first_index + number
        self._keep(number, self._translation.refused(error, index=index, custom_id=custom_id))

    def add(self, result: Result) -> None:
        """Take in a result."""
        number = self._next_of(result.key)
        if number is None:
            self._superfluous += 1
            return
        index, custom_id = self._first_index + number, self._custom_ids[number]
        self._keep(number, self._translation.record(result, index=index, custom_id=custom_id))
        self._answered += 1

    def _next_of(self, key: str) -> int | None:
        """Return the first line of a key that has no result yet."""
        number = self._firsts.get(key)
        if number is None or self._offsets[number] == _ABSENT:
            return number
        others = self._others.get(key)
        return others.popleft() if others else None

    def _keep(self, number: int, record: Record) -> None:
        packed = pack_record(record)
        self._offsets[number] = self._scratch.append(packed)
        self._lengths[number] = len(packed)

    def has_any(self, chunk: Chunk) -> bool:
        """Say whether any line of a chunk has a result."""
        return any(self._offsets[number] != _ABSENT for number in self._numbers(chunk))

    async def part(self, chunk: Chunk) -> AsyncIterator[bytes]:
        """Yield the checkpoint of a chunk, in input order."""
        block = bytearray(part_head(self._source))
        for number in self._numbers(chunk):
            if self._offsets[number] != _ABSENT:
                block += self._scratch.read(self._offsets[number], self._lengths[number])
            if len(block) >= _BLOCK_BYTES:
                yield bytes(block)
                block.clear()
        yield bytes(block)

    def _numbers(self, chunk: Chunk) -> range:
        start = chunk.first_index - self._first_index
        return range(start, start + chunk.lines)


async def _expect(sorting: _Sorting, storage: Storage, task: GatherTask) -> None:
    for chunk in task.plan.chunks:
        async with aclosing(read_slabs(storage, task.input_key, chunk)) as slabs:
            async for requests in slabs:
                for request in requests:
                    fault = task.shape.fault(request)
                    if fault is None:
                        sorting.expect(task.shape.key(request), request.custom_id)
                    else:
                        sorting.refuse(request.custom_id, fault)
