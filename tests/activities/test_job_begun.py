"""A shard whose story is told again goes on with what it had begun, and asks for no second job."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.begun import BegunJobs
from activities.job_payloads import Begun, JobCall, Recalled, Submission, SubmitOrder, Upload
from activities.metering import outcome_of
from activities.place_payloads import ShardRef
from overnight.domain.errors import SubmissionUnclear, UnknownDeployment
from tests.activities.house import BATCH, House
from tests.activities.shop import Order, Outcome, Shop, job_order, said

SHARD = ShardRef(batch_id=BATCH, shard=0)
LAG = timedelta(hours=1)
ELSEWHERE = job_order(2, deployment="dep_2")


async def upload(shop: Shop, *, telling: str = "second") -> Upload:
    return await shop.run(shop.jobs.upload, job_order(), telling=telling)


async def submit(
    shop: Shop, *, number: int = 1, known: Begun | None = None, telling: str = "second"
) -> Submission:
    order = SubmitOrder(job=job_order(number), file_id=await shop.uploaded(job_order(number)), begun=known)
    return await shop.run(shop.jobs.submit, order, telling=telling)


async def begin_elsewhere(shop: Shop) -> None:
    begin = BegunJobs(shop.house.catalog).begin

    async def step(_: None) -> None:
        await begin(ELSEWHERE, known=None)

    await shop.run(step, None, telling="first")


async def before(shop: Shop, *, telling: str) -> Begun | None:
    return await shop.run(BegunJobs(shop.house.catalog).begun_before, SHARD, telling=telling)


async def test_a_job_is_adopted_by_the_next_telling_as_one_that_may_have_a_twin(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    order = SubmitOrder(job=job_order(), file_id=await any_shop.uploaded())
    first = await any_shop.run(any_shop.jobs.submit, order, telling="first")
    second = await any_shop.run(any_shop.jobs.submit, order, telling="second")
    assert second == replace(first, repeated=True)
    assert any_shop.desk.job_ids() == [first.job_id]


async def test_what_was_begun_elsewhere_is_told_and_nothing_is_created(shop: Shop) -> None:
    await shop.given(said(2))
    await begin_elsewhere(shop)
    assert await submit(shop) == Submission(begun=Begun(deployment="dep_2", number=2))
    assert shop.desk.job_ids() == []
    assert await before(shop, telling="second") == Begun(deployment="dep_2", number=2)


async def test_whoever_knows_of_it_goes_on(shop: Shop) -> None:
    await shop.given(said(2))
    await begin_elsewhere(shop)
    submitted = await submit(shop, number=3, known=await before(shop, telling="second"))
    assert shop.desk.job_ids() == [submitted.job_id]
    assert await before(shop, telling="second") is None
    assert await before(shop, telling="third") == Begun(deployment="dep_1", number=3)


async def test_a_job_is_written_down_before_the_provider_is_asked_for_it(shop: Shop) -> None:
    await shop.given(said(2))
    shop.desk.fault(kind="reject", verb="batches.create", reason="unknown_model")
    assert (await submit(shop, telling="first")).refusal is not None
    assert await before(shop, telling="second") == Begun(deployment="dep_1", number=1)


async def test_nothing_was_begun_of_a_shard_that_has_not_come_so_far(shop: Shop, house: House) -> None:
    await shop.given(said(2))
    await shop.uploaded()
    assert await BegunJobs(house.catalog).begun_before(SHARD) is None


async def test_nothing_is_sent_for_a_job_that_is_there_from_before(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    first = await submit(any_shop, telling="first")
    assert await upload(any_shop) == Upload(job_id=first.job_id)
    assert await before(any_shop, telling="second") is None


async def test_a_job_that_a_lost_try_had_found_is_found_again(shop: Shop) -> None:
    await shop.given(said(2))
    first = await submit(shop, telling="first")
    for attempt in (1, 2):
        uploaded = await shop.run(shop.jobs.upload, job_order(), telling="second", attempt=attempt)
        assert uploaded == Upload(job_id=first.job_id)


async def test_what_was_begun_and_never_created_is_sent(shop: Shop) -> None:
    await shop.given(said(2))
    shop.desk.fault(kind="reject", verb="batches.create", reason="unknown_model", times=1)
    assert (await submit(shop, telling="first")).refusal is not None
    assert (await upload(shop)).file_id is not None


async def test_while_nobody_can_tell_whether_a_job_is_there_nothing_else_is_asked_for(shop: Shop) -> None:
    await shop.given(said(2))
    await submit(shop, telling="first")
    shop.desk.rule(key="sk-another")
    with pytest.raises(SubmissionUnclear):
        await upload(shop)
    shop.with_(replace(shop.desk.deployment, id="dep_another"))
    with pytest.raises(UnknownDeployment):
        await upload(shop)


async def test_an_attempt_that_wakes_up_late_creates_nothing(shop: Shop) -> None:
    await shop.given(said(2))
    second = await submit(shop, number=2, telling="first")
    late = await submit(shop, number=1, telling="first")
    assert late == Submission(begun=Begun(deployment="dep_1", number=2))
    assert shop.desk.job_ids() == [second.job_id]


async def test_a_job_that_may_not_be_listed_yet_is_waited_for_by_nobody_s_worker(openai_shop: Shop) -> None:
    await openai_shop.given(said(2))
    first = await submit(openai_shop, telling="first")
    openai_shop.with_(openai_shop.desk.deployment, list_lag=LAG)
    jobs = openai_shop.jobs
    again = SubmitOrder(job=job_order(), file_id=await openai_shop.uploaded(job_order(5)))

    assert await waited_for(openai_shop, jobs.recall, job_order()) == Recalled(
        jobs=(JobCall(job=job_order(), job_id=first.job_id or ""),)
    )
    assert await waited_for(openai_shop, jobs.upload, job_order()) == Upload(job_id=first.job_id)
    submitted = await waited_for(openai_shop, jobs.submit, again, telling="third")
    assert submitted == Submission(job_id=first.job_id, repeated=True)
    submitted = await waited_for(openai_shop, jobs.submit, again, attempt=2, telling="third")
    assert submitted == Submission(job_id=first.job_id, repeated=True)


async def waited_for(
    shop: Shop,
    step: Callable[[Order], Awaitable[Outcome]],
    asked: Order,
    *,
    attempt: int = 1,
    telling: str = "second",
) -> Outcome:
    """Run a step that has the next attempt made after the lag, and that one."""
    beats: list[Any] = []
    with pytest.raises(ApplicationError) as failure:
        await shop.run(step, asked, attempt=attempt, beats=beats, telling=telling)
    assert (failure.value.next_retry_delay, failure.value.non_retryable) == (LAG, False)
    assert outcome_of(failure.value) == "not_yet"
    return await shop.run(step, asked, attempt=attempt + 1, details=beats[-1], telling=telling)
