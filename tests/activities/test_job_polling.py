"""Looking at a job until it is something else, and what is made of one that failed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.job_payloads import JobCall, Refusal
from overnight.domain.errors import ProviderUnavailable
from overnight.domain.layout import plan_key
from overnight.domain.plan import ShardPlan
from overnight.domain.status import BatchStatus
from overnight.jsonl import encode_plan
from overnight.native_lane.complaints import SHOWN_ERRORS, SHOWN_OF_OTHERS
from overnight.native_lane.looking import STILL_AFTER
from tests.activities.house import BATCH, line
from tests.activities.shop import Shop, job_order, said


async def not_yet(shop: Shop, call: JobCall, seen: BatchStatus, **attempt: Any) -> ApplicationError:
    """Poll for another status than `seen`, in vain."""
    with pytest.raises(ApplicationError) as caught:
        await shop.run(shop.jobs.poll, replace(call, seen=seen), **attempt)
    assert caught.value.type == "NotYet"
    return caught.value


async def test_as_long_as_the_status_is_the_same_a_poll_says_when_to_look_again(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.submitted()
    shop.desk.pass_time(6)
    error = await not_yet(shop, call, BatchStatus.IN_PROGRESS)
    assert error.category is ApplicationErrorCategory.BENIGN
    assert not error.non_retryable
    assert error.next_retry_delay is not None
    assert timedelta(0) < error.next_retry_delay <= shop.settings.poll_initial * 1.1
    assert error.message == "in_progress, 5 of 10 lines done"
    assert (await shop.house.catalog.batch(BATCH)).counts.completed == 5


async def test_a_look_cancels_the_twin_of_a_job_that_had_to_be_submitted_again(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(stuck_at=0.5)
    call = await shop.submitted()
    twin_file = await shop.uploaded(job_order(number=2))
    twin = await shop.desk.provider.submit(tag=call.job.tag, file_id=twin_file, endpoint=call.job.endpoint)
    shop.desk.pass_time(6)
    await not_yet(shop, call, BatchStatus.IN_PROGRESS)
    assert (await shop.desk.provider.poll(twin.id)).status is BatchStatus.IN_PROGRESS

    soon = datetime.now(UTC) + timedelta(minutes=10)
    await not_yet(shop, replace(call, twins_until=soon), BatchStatus.IN_PROGRESS)

    shop.desk.pass_time(3_600)
    assert (await shop.desk.provider.poll(twin.id)).status is BatchStatus.CANCELLED
    assert (await shop.desk.provider.poll(call.job_id)).status is BatchStatus.IN_PROGRESS


async def test_after_a_while_no_twin_is_looked_for(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.submitted()
    shop.desk.pass_time(6)
    shop.desk.fault(kind="reject", verb="batches.list", reason="bad_key")
    past = datetime.now(UTC) - timedelta(seconds=1)
    listed = shop.desk.simulator._api.calls["batches.list"]
    await not_yet(shop, replace(call, twins_until=past), BatchStatus.IN_PROGRESS)
    assert shop.desk.simulator._api.calls["batches.list"] == listed


async def test_a_provider_that_does_not_list_its_jobs_is_looked_at_all_the_same(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.submitted()
    shop.desk.pass_time(3_600)
    shop.desk.fault(kind="reject", verb="batches.list", reason="bad_key")
    soon = datetime.now(UTC) + timedelta(minutes=10)
    report = await shop.polled(replace(call, twins_until=soon), BatchStatus.IN_PROGRESS)
    assert report.status is BatchStatus.COMPLETED


async def test_looks_grow_apart_as_attempts_rise(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.submitted()
    error = await not_yet(shop, call, BatchStatus.VALIDATING, attempt=1_000_000)
    assert error.next_retry_delay is not None
    assert shop.settings.poll_max <= error.next_retry_delay <= shop.settings.poll_max * 1.1


async def test_what_one_look_saw_the_next_one_knows(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.submitted()
    shop.desk.pass_time(6)
    then = (datetime.now(UTC) - timedelta(seconds=50)).timestamp()
    beats: list[Any] = []
    attempt: dict[str, Any] = {"attempt": 60, "details": [[0, then, 0]], "beats": beats}
    error = await not_yet(shop, call, BatchStatus.IN_PROGRESS, **attempt)
    # Five lines in 50 seconds, and five to go: the next look is after half of that.
    assert error.next_retry_delay is not None
    assert timedelta(seconds=20) < error.next_retry_delay < timedelta(seconds=30)
    ((done, moved_at, speed),) = beats[-1]
    assert (done, round(speed, 1)) == (5, 0.1)
    assert moved_at > then


@pytest.mark.parametrize("details", [[], [None], [["x", 1, 1]], [[1, 2]], [{"done": 1}]], ids=str)
async def test_a_look_that_left_nothing_readable_is_a_first_one(shop: Shop, details: list[Any]) -> None:
    await shop.given(said(10))
    call = await shop.submitted()
    await not_yet(shop, call, BatchStatus.VALIDATING, details=details)


async def test_a_job_that_stands_still_for_hours_is_told_of_until_it_moves(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(stuck_at=0.5)
    call = await shop.submitted()
    shop.desk.pass_time(3_600)
    long_ago = (datetime.now(UTC) - STILL_AFTER).timestamp()
    await not_yet(shop, call, BatchStatus.IN_PROGRESS, details=[[5, long_ago, 1.0]])
    assert await shop.waiting_on() == "its job has not moved for 6 hours, at 5 of 10 lines"
    await not_yet(shop, call, BatchStatus.IN_PROGRESS, details=[[4, long_ago, 1.0]])
    assert await shop.waiting_on() is None


async def test_a_provider_that_is_down_is_told_of_until_it_answers(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.submitted()
    shop.desk.fault(kind="status", verb="batches.retrieve", status=503, retry_after="90", times=1)
    with pytest.raises(ProviderUnavailable) as caught:
        await shop.polled(call)
    assert caught.value.retry_after == timedelta(seconds=90)
    waiting_on = await shop.waiting_on()
    assert waiting_on is not None
    assert "503" in waiting_on
    await shop.polled(call)
    assert await shop.waiting_on() is None


async def test_a_job_that_is_not_to_be_found_is_not_given_up(shop: Shop) -> None:
    await shop.given(said(2))
    with pytest.raises(ProviderUnavailable):
        await shop.polled(JobCall(job=job_order(), job_id="batch_of_somebody_else"))
    assert await shop.waiting_on() is not None


async def test_want_of_room_that_shows_late_is_no_failure(openai_shop: Shop) -> None:
    await openai_shop.given(said(2))
    openai_shop.desk.rule(enqueued_tokens=1, over_enqueued="late")
    report = await openai_shop.polled(await openai_shop.ended())
    assert report.status is BatchStatus.FAILED
    assert report.refusal is None
    assert report.no_place is not None
    assert report.no_place.reason


async def test_what_a_provider_finds_wrong_has_the_client_s_line_numbers(openai_shop: Shop) -> None:
    openai_shop.desk.rule(models=["another"])
    first, second, third = (line(number, model="gpt") for number in range(3))
    await openai_shop.given(b"\n" + first.replace(b"\n", b"\r\n") + b"\r\n \n" + second + third.rstrip(b"\n"))
    refused = (await openai_shop.polled(await openai_shop.ended())).refusal
    assert refused is not None
    assert [error.line for error in refused.errors] == [2, 5, 6]
    assert (refused.code, refused.message) == (refused.errors[0].code, refused.errors[0].message)


async def test_very_many_errors_of_a_second_shard_are_the_first_of_them_with_their_own_numbers(
    shop: Shop,
) -> None:
    count = 2 * SHOWN_ERRORS + 100
    await shop.given(b"\n".join(line(number, model="gpt") for number in range(count)))
    first, *rest = (await shop.house.plan(0)).chunks
    await shop.house.put(plan_key(BATCH, 1), encode_plan(ShardPlan(tuple(rest))))
    shop.desk.rule(models=["another"])
    call = await shop.submitted(job_order(shard=1))
    shop.desk.pass_time(3_600)
    refused = (await shop.polled(call)).refusal
    assert refused is not None
    assert [error.line for error in refused.errors] == [
        2 * index + 1 for index in range(first.lines, first.lines + SHOWN_OF_OTHERS)
    ]


async def test_a_failure_that_is_not_explained_is_still_one(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.submitted()
    job = await shop.desk.provider.poll(call.job_id)
    failed = replace(job, status=BatchStatus.FAILED)
    report = await shop.jobs._following._report_of(failed, call.job)
    assert report.refusal == Refusal(
        code="provider_failed", message="openai failed the job and does not say why."
    )
