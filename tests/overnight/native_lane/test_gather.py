"""A job's results on their way into checkpoints: in any order, each line's first one, and none half kept."""

import json
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderRefused, ProviderUnavailable, ResultsCut, Untranslatable
from overnight.domain.job import Job
from overnight.domain.layout import work_prefix
from overnight.domain.plan import ShardPlan
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.jsonl import Request
from overnight.native_lane import Gathered, GatherTask, Translation, gather
from overnight.outcomes.parts import read_parts
from overnight.outcomes.record import Record, Source
from overnight.providers.protocol import RESULTS_GONE, LineFault, Result, Shape
from overnight.providers.request_lines import RequestLines
from overnight.storage.memory import MemoryStorage
from tests.overnight.native_lane.shards import INPUT, line, stored

BATCH = "batch_1"
SHARD = 3
SOURCE = Source(deployment="dep_1", job="batch_at_the_provider")
FIRST = 100


PLAIN = RequestLines(Endpoint.CHAT_COMPLETIONS, model=None)


class Keyed(RequestLines):
    """A shape with keys of its own, that can't express every line."""

    def key(self, request: Request) -> str:
        return f"key-of-{request.custom_id.rstrip('*')}"

    def fault(self, request: Request) -> Untranslatable | None:
        refused = request.custom_id.startswith("bad")
        return Untranslatable("It can't be asked.", param="logit_bias") if refused else None


def answer(key: str, text: str = "hello", **fields: Any) -> Result:
    return Result(key=key, status=200, body=json.dumps({"model": "m", "text": text}).encode(), **fields)


class Harvest:
    """A shard of some chunks, and the results of its job."""

    def __init__(self, *chunks: list[str]) -> None:
        self.storage = MemoryStorage()
        self._chunks = chunks
        self._attempts = 0

    async def plan(self) -> ShardPlan:
        content = [b"".join(line(custom_id) for custom_id in chunk) for chunk in self._chunks]
        return await stored(self.storage, content, before=line("of another shard"), first_index=FIRST)

    async def gather(
        self,
        results: Iterable[Result] | AsyncIterator[Result],
        *,
        shape: Shape = PLAIN,
        kept: int | None = None,
    ) -> Gathered:
        self._attempts += 1
        task = GatherTask(
            batch_id=BATCH,
            shard=SHARD,
            input_key=INPUT,
            plan=await self.plan(),
            attempt=f"{self._attempts:04d}",
            shape=shape,
            translation=Translation(batch_id=BATCH, client_model=None, provider_model=None),
            source=SOURCE,
        )
        source = results if isinstance(results, AsyncIterator) else each(results)
        return await gather(self.storage, task=task, results=source, kept=kept)

    async def records(self) -> list[Record]:
        return [record async for record in read_parts(self.storage, work_prefix(BATCH))]

    async def outcomes(self) -> dict[int, str]:
        """What is kept of each line, by its index."""
        return {record.index: json.loads(record.line)["custom_id"] for record in await self.records()}


async def each(results: Iterable[Result]) -> AsyncIterator[Result]:
    for result in results:
        yield result


async def breaking_off(results: Iterable[Result]) -> AsyncIterator[Result]:
    for result in results:
        yield result
    raise ProviderUnavailable("the connection closed")


IDS = [[f"r-{number}" for number in range(start, start + 50)] for start in (0, 50, 100)]
ALL = [custom_id for chunk in IDS for custom_id in chunk]


@pytest.mark.parametrize("seed", range(5))
async def test_results_in_any_order_are_kept_under_their_lines(seed: int) -> None:
    harvest = Harvest(*IDS)
    chance = random.Random(seed)  # noqa: S311 - a shuffle that can be repeated
    results = [answer(custom_id, text="x" * chance.randrange(20_000)) for custom_id in ALL]
    chance.shuffle(results)
    assert await harvest.gather(results) == Gathered(lines=150, answered=150)
    records = await harvest.records()
    assert [record.index for record in records] == [*range(FIRST, FIRST + 150)]
    assert await harvest.outcomes() == {FIRST + number: custom_id for number, custom_id in enumerate(ALL)}
    bodies = {result.key: result.body for result in results}
    assert all(bodies[custom_id] in record.line for custom_id, record in zip(ALL, records, strict=True))


async def test_of_several_results_of_a_line_the_first_counts_and_the_others_are_told_of() -> None:
    harvest = Harvest(["a", "b"])
    gathered = await harvest.gather([answer("a", "first"), answer("b"), answer("a", "second")])
    assert gathered == Gathered(lines=2, answered=2, superfluous=1)
    assert b"first" in (await harvest.records())[0].line


async def test_a_result_of_nobody_is_left_out_and_told_of() -> None:
    harvest = Harvest(["a"])
    strangers = ["of another shard", "", "A", "a ", "0", "r-0"]
    gathered = await harvest.gather([*map(answer, strangers), answer("a")])
    assert gathered == Gathered(lines=1, answered=1, superfluous=len(strangers))
    assert await harvest.outcomes() == {FIRST: "a"}


async def test_lines_without_a_result_are_simply_not_there() -> None:
    harvest = Harvest(["a", "b"], ["c", "d"], ["e"])
    assert await harvest.gather([answer("d"), answer("a")]) == Gathered(lines=5, answered=2)
    assert await harvest.outcomes() == {FIRST: "a", FIRST + 3: "d"}


async def test_a_job_without_results_leaves_nothing() -> None:
    harvest = Harvest(["a"])
    assert await harvest.gather([]) == Gathered(lines=1)
    assert await harvest.records() == []


@pytest.mark.parametrize(
    "custom_id", ["x" * 512, "😀" * 512, 'a "b" \\ c', "1\n2\r3\u2028", "", "\u0000"], ids=range(6)
)
async def test_any_custom_id_finds_its_line(custom_id: str) -> None:
    harvest = Harvest(["before", custom_id, "after"])
    await harvest.gather([answer(custom_id)])
    assert await harvest.outcomes() == {FIRST + 1: custom_id}


async def test_ids_that_only_look_alike_are_different_lines() -> None:
    # The same letter, composed and decomposed.
    harvest = Harvest(["é", "e\u0301"])
    await harvest.gather([answer("e\u0301")])
    assert await harvest.outcomes() == {FIRST + 1: "e\u0301"}


async def test_failures_are_results_too() -> None:
    harvest = Harvest(["a", "b", "c"])
    results = [
        Result(key="a", fault=LineFault("request_timeout", "no")),
        Result(key="b", status=0),
        Result(key="c", status=200),
    ]
    assert await harvest.gather(results) == Gathered(lines=3, answered=3)
    assert [record.ok for record in await harvest.records()] == [False, False, False]


async def test_results_find_their_lines_by_the_keys_that_the_provider_gave_them() -> None:
    harvest = Harvest(["a", "b"], ["c"])
    shape = Keyed(Endpoint.CHAT_COMPLETIONS, model=None)
    results = [answer("key-of-c"), answer("key-of-a"), answer("b")]
    assert await harvest.gather(results, shape=shape) == Gathered(lines=3, answered=2, superfluous=1)
    assert await harvest.outcomes() == {FIRST: "a", FIRST + 2: "c"}


async def test_lines_that_share_a_key_have_a_result_each() -> None:
    harvest = Harvest(["a", "b", "a*"], ["a**"])
    shape = Keyed(Endpoint.CHAT_COMPLETIONS, model=None)
    results = [answer("key-of-a", f"result {number}") for number in range(4)]
    assert await harvest.gather(results, shape=shape) == Gathered(lines=4, answered=3, superfluous=1)
    assert await harvest.outcomes() == {FIRST: "a", FIRST + 2: "a*", FIRST + 3: "a**"}
    assert [f"result {number}".encode() in each.line for number, each in enumerate(await harvest.records())]


async def test_lines_that_went_into_no_job_have_their_outcome_with_the_others() -> None:
    harvest = Harvest(["bad-1", "a"], ["bad-2"])
    shape = Keyed(Endpoint.CHAT_COMPLETIONS, model=None)
    gathered = await harvest.gather([answer("key-of-a")], shape=shape)
    assert gathered == Gathered(lines=3, answered=1, refused=2)
    # Those were never asked for, so nothing is lacking, whatever the job has counted.
    assert gathered.lacks(job(counts=Counts(3, 3, 0))) is None
    assert await harvest.outcomes() == {FIRST: "bad-1", FIRST + 1: "a", FIRST + 2: "bad-2"}
    assert [record.ok for record in await harvest.records()] == [False, True, False]


async def test_when_some_results_are_gone_the_others_are_kept() -> None:
    async def half_gone() -> AsyncIterator[Result]:
        yield answer("b")
        raise ProviderRefused("there is no such file (any more)", code=RESULTS_GONE)

    harvest = Harvest(["a", "b"])
    gathered = await harvest.gather(half_gone())
    assert (gathered.answered, gathered.warning(job())) == (1, "there is no such file (any more)")
    assert await harvest.outcomes() == {FIRST + 1: "b"}


async def test_when_a_result_file_stops_in_mid_line_the_others_are_kept() -> None:
    async def half() -> AsyncIterator[Result]:
        yield answer("b")
        raise ResultsCut

    harvest = Harvest(["a", "b"])
    gathered = await harvest.gather(half())
    assert gathered.answered == 1
    assert gathered.lacks(job()) == gathered.warning(job()) == "A result file stops in the middle of a line."
    assert await harvest.outcomes() == {FIRST + 1: "b"}


async def test_what_was_kept_before_is_kept_again_when_there_is_more_of_it() -> None:
    harvest = Harvest(["a", "b"])
    await harvest.gather([answer("a")], kept=1)
    assert await harvest.records() == []
    await harvest.gather([answer("a"), answer("b")], kept=1)
    assert await harvest.outcomes() == {FIRST: "a", FIRST + 1: "b"}


async def test_a_provider_that_refuses_the_results_is_believed() -> None:
    async def refused() -> AsyncIterator[Result]:
        yield answer("a")
        raise ProviderRefused("no", code="permission_denied")

    harvest = Harvest(["a"])
    with pytest.raises(ProviderRefused):
        await harvest.gather(refused())
    assert await harvest.records() == []


async def test_a_download_that_breaks_off_keeps_nothing_and_can_be_begun_again() -> None:
    harvest = Harvest(*IDS)
    with pytest.raises(ProviderUnavailable):
        await harvest.gather(breaking_off(map(answer, ALL[:120])))
    assert await harvest.records() == []
    assert (await harvest.gather(map(answer, ALL))).answered == 150


async def test_an_attempt_writes_over_nothing_of_another_s() -> None:
    harvest = Harvest(["a", "b"])
    await harvest.gather([answer("a", "first")])
    await harvest.gather([answer("a", "second"), answer("b")])
    assert [record.index for record in await harvest.records()] == [FIRST, FIRST, FIRST + 1]


COUNTS = Counts(5, 4, 1)


def job(status: BatchStatus = BatchStatus.COMPLETED, counts: Counts = COUNTS) -> Job:
    return Job(id="batch_x", status=status, counts=counts)


def test_what_adds_up_needs_no_word() -> None:
    assert Gathered(lines=5, answered=5).warning(job()) is None


def test_a_job_that_counts_nothing_can_t_be_wrong() -> None:
    assert Gathered(lines=5, answered=3).warning(job(counts=Counts())) is None


def test_results_that_are_fewer_than_counted_are_worth_a_word() -> None:
    said = Gathered(lines=5, answered=3).warning(job())
    assert said == "job batch_x says 5 lines are done, its results are of 3"


def test_results_that_are_too_many_are_worth_a_word() -> None:
    said = Gathered(lines=5, answered=5, superfluous=1_200).warning(job())
    assert said == "job batch_x has 1,200 results too many, which were left out"


def test_a_job_that_broke_off_and_kept_what_it_had_says_why() -> None:
    broke_off = replace(job(), errors=(BatchError(code="provider_failed", message="Out of machines."),))
    said = Gathered(lines=5, answered=5).warning(broke_off)
    assert said == "job batch_x did not end well: Out of machines."


@pytest.mark.parametrize("status", [BatchStatus.CANCELLED, BatchStatus.EXPIRED])
def test_a_job_that_was_cut_short_may_count_as_it_likes(status: BatchStatus) -> None:
    assert Gathered(lines=5, answered=5).warning(job(status, Counts(5, 2, 0))) is None
