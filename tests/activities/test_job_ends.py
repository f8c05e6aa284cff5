"""How a job ends: its results, its cancel, and what is left of it at the provider."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from activities import heartbeat
from activities.job_payloads import DownloadOrder, JobCall, Remains, SubmitOrder
from activities.missed import JOB_LOOKED_FOR, RESULTS_AWAITED
from overnight.domain.errors import ProviderUnavailable, StorageFull
from overnight.domain.status import BatchStatus, StopReason
from overnight.domain.usage import Counts
from tests.activities.looks import Looks
from tests.activities.shop import Shop, job_order, said


async def test_a_cancelled_job_is_followed_and_keeps_what_was_finished(any_shop: Shop) -> None:
    await any_shop.given(said(10))
    call = await any_shop.submitted()
    any_shop.desk.pass_time(6)
    assert (await any_shop.run(any_shop.jobs.cancel, call)).status is BatchStatus.CANCELLING
    any_shop.desk.pass_time(600)
    assert (await any_shop.polled(call, seen=BatchStatus.CANCELLING)).status is BatchStatus.CANCELLED
    outcomes = await any_shop.outcomes(call, stopped=StopReason.EXPIRED)
    answered = [each for each in outcomes.values() if each["response"]]
    unanswered = [each["error"] for each in outcomes.values() if each["error"]]
    assert len(answered) == 5
    # It is we who had it cancelled, and the reason is ours.
    assert unanswered == [{"code": "batch_expired", "message": StopReason.EXPIRED.message}] * 5


async def test_one_wrong_answer_to_a_cancel_leaves_no_job_running(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    call = await any_shop.submitted()
    any_shop.desk.fault(verb="batches.cancel", kind="reject", reason="unknown_batch", times=1)
    with pytest.raises(ProviderUnavailable, match="does not know the job"):
        await any_shop.run(any_shop.jobs.cancel, call)
    assert "does not know the job" in (await any_shop.waiting_on() or "")
    assert (await any_shop.run(any_shop.jobs.cancel, call, attempt=2)).status is BatchStatus.CANCELLING


async def test_a_job_that_nobody_knows_is_not_cancelled(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    with pytest.raises(ProviderUnavailable, match="does not know the job"):
        await any_shop.run(any_shop.jobs.cancel, JobCall(job=job_order(), job_id="batch_unheard_of"))


async def test_a_job_that_has_ended_need_not_be_known_to_whoever_cancels(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    call = await any_shop.ended()
    any_shop.desk.fault(verb="batches.cancel", kind="reject", reason="unknown_batch")
    assert (await any_shop.run(any_shop.jobs.cancel, call)).status is BatchStatus.COMPLETED


async def test_a_job_that_had_ended_before_its_cancel_is_what_it_is(shop: Shop) -> None:
    await shop.given(said(2))
    report = await shop.run(shop.jobs.cancel, await shop.ended())
    assert (report.status, report.counts) == (BatchStatus.COMPLETED, Counts(2, 2, 0))
    assert [job.status for job in await shop.noted()] == [BatchStatus.COMPLETED]


async def test_the_jobs_of_a_lost_story_are_found_and_those_that_run_are_cancelled(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    ended = await any_shop.ended()
    running = await any_shop.submitted(job_order(12))
    other = await any_shop.desk.submit(tag=job_order(1, shard=1).tag)
    recalled = await any_shop.run(any_shop.jobs.recall, job_order())
    assert recalled.jobs == (ended, running)
    statuses = [
        (await any_shop.desk.provider.poll(job_id)).status
        for job_id in (ended.job_id, running.job_id, other.id)
    ]
    assert statuses == [BatchStatus.COMPLETED, BatchStatus.CANCELLING, BatchStatus.VALIDATING]


async def test_a_lost_job_that_won_t_be_cancelled_is_recalled_all_the_same(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    any_shop.desk.fate(seconds=3_600)
    jobs = (await any_shop.submitted(), await any_shop.submitted(job_order(2)))
    any_shop.desk.fault(verb="batches.cancel", kind="reject", reason="unknown_batch", times=1)
    assert (await any_shop.run(any_shop.jobs.recall, job_order())).jobs == jobs
    statuses = [(await any_shop.desk.provider.poll(call.job_id)).status for call in jobs]
    assert statuses == [BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING]


async def test_where_nothing_was_submitted_nothing_is_recalled(shop: Shop) -> None:
    await shop.given(said(2))
    assert (await shop.run(shop.jobs.recall, job_order())).jobs == ()


async def download(shop: Shop, call: JobCall, *, attempt: int = 1) -> Any:
    order = DownloadOrder(job=call.job, job_id=call.job_id)
    return await shop.run(shop.jobs.download, order, attempt=attempt)


async def test_results_out_of_order_doubled_and_lost_leave_one_outcome_a_line(any_shop: Shop) -> None:
    await any_shop.given(said(50))
    any_shop.desk.fate(shuffle=True, duplicate_every=10, lose_every=7)
    call = await any_shop.ended()
    looks = Looks(any_shop, any_shop.jobs.download, DownloadOrder(job=call.job, job_id=call.job_id))
    downloaded = await looks.long_enough(RESULTS_AWAITED, match="results of 43 of 50 lines so far")
    assert (downloaded.lines, downloaded.answered) == (50, 43)
    assert "5 results too many" in downloaded.warning
    outcomes = await any_shop.sealed(call)
    assert sorted(outcomes) == sorted(f"line-{number}" for number in range(50))
    missing = [told["error"]["code"] for told in outcomes.values() if told["error"]]
    assert missing == ["result_missing"] * 7


async def test_counts_that_contradict_the_results_are_told_of(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(counts_off_by=-3)
    downloaded = await download(shop, await shop.ended())
    assert downloaded.warning.endswith("says 7 lines are done, its results are of 10")


@pytest.mark.parametrize("cut", ["expired", "cancelled"])
async def test_a_job_that_was_cut_short_is_not_suspected_of_miscounting(any_shop: Shop, cut: str) -> None:
    await any_shop.given(said(10))
    if cut == "expired":
        any_shop.desk.fate(expire_at=0.5)
    call = await any_shop.submitted()
    any_shop.desk.pass_time(6)
    if cut == "cancelled":
        await any_shop.run(any_shop.jobs.cancel, call)
    any_shop.desk.pass_time(3_600)
    assert (await any_shop.polled(call)).status == cut
    assert (await download(any_shop, call)).warning is None


async def test_a_line_that_failed_there_is_in_the_error_file_as_the_provider_said_it(any_shop: Shop) -> None:
    await any_shop.given(said(4))
    any_shop.desk.fate(fail_every=2, fail_status=400)
    outcomes = await any_shop.outcomes(await any_shop.ended())
    assert [each["response"]["status_code"] for each in outcomes.values()] == [200, 200, 400, 400]
    assert "message" in outcomes["line-1"]["response"]["body"]["error"]


async def test_a_download_that_breaks_off_is_told_of_until_it_is_through(shop: Shop) -> None:
    await shop.given(said(300))
    call = await shop.ended()
    shop.desk.fault(kind="drop_midway", verb="files.content", bytes=1_000, times=1)
    with pytest.raises(ProviderUnavailable):
        await download(shop, call)
    assert await shop.waiting_on() is not None
    assert (await download(shop, call)).answered == 300
    assert await shop.waiting_on() is None


async def test_results_that_the_key_may_not_have_are_waited_for_since_they_are_paid(
    openai_shop: Shop,
) -> None:
    shop = openai_shop
    await shop.given(said(3))
    call = await shop.ended()
    shop.desk.fault(kind="status", status=403, verb="files.content", times=1)
    with pytest.raises(ProviderUnavailable, match="does not accept"):
        await download(shop, call)
    assert "does not accept" in (await shop.waiting_on() or "")
    assert (await download(shop, call)).answered == 3


async def test_when_one_result_file_is_gone_what_is_in_the_other_is_kept(openai_shop: Shop) -> None:
    await openai_shop.given(said(4))
    openai_shop.desk.fate(fail_every=2, fail_status=400)
    call = await openai_shop.ended()
    job = await openai_shop.desk.provider.poll(call.job_id)
    assert job.output_file_id is not None
    await openai_shop.desk.provider.delete_file(job.output_file_id)
    looks = Looks(openai_shop, openai_shop.jobs.download, DownloadOrder(job=call.job, job_id=call.job_id))
    downloaded = await looks.long_enough(RESULTS_AWAITED, match="has no result file")
    assert (downloaded.answered, downloaded.refusal) == (2, None)
    assert "has no result file" in downloaded.warning
    outcomes = await openai_shop.sealed(call)
    assert sum(bool(each["response"]) for each in outcomes.values()) == 2
    assert sorted(outcomes) == [f"line-{number}" for number in range(4)]


async def test_results_that_are_gone_but_were_kept_before_are_no_refusal(shop: Shop) -> None:
    await shop.given(said(3))
    call = await shop.ended()
    assert (await download(shop, call)).answered == 3
    job = await shop.desk.provider.poll(call.job_id)
    assert job.output_file_id is not None
    await shop.desk.provider.delete_file(job.output_file_id)
    again = await download(shop, call, attempt=2)
    assert (again.lines, again.answered, again.refusal) == (3, 3, None)


async def test_a_store_without_room_is_told_of_until_there_is_some(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.ended()
    shop.house.storage.capacity = 0
    with pytest.raises(StorageFull):
        await download(shop, call)
    assert await shop.waiting_on() == "no room left in memory"
    shop.house.storage.capacity = None
    assert (await download(shop, call)).answered == 2
    assert await shop.waiting_on() is None


def remains(*calls: JobCall, uploads: tuple[int, ...] = (1,)) -> Remains:
    return Remains(provider="openai", deployment="dep_1", jobs=calls, uploads=tuple(map(job_order, uploads)))


async def files_left(shop: Shop) -> list[str]:
    present = shop.desk.simulator.desk.shelf.present(now=shop.desk.simulator.desk.clock.now())
    return [stored.id for stored in present]


async def test_nothing_of_a_shard_is_left_and_everything_of_others(openai_shop: Shop) -> None:
    await openai_shop.given(said(4))
    openai_shop.desk.fate(fail_every=2)
    other = await openai_shop.desk.upload(said(1), tag=job_order(1, shard=1).tag)
    call = await openai_shop.ended()
    # Sent twice, as after a lost answer.
    for _ in range(2):
        await openai_shop.run(openai_shop.jobs.upload, job_order(2))
    await openai_shop.desk.provider.poll(call.job_id)
    for _ in range(2):
        await openai_shop.run(openai_shop.jobs.clean_up, remains(call, uploads=(1, 2)))
        assert await files_left(openai_shop) == [other]


async def test_jobs_that_run_are_cancelled_and_cleaned_up_after_once_they_have_ended(
    openai_shop: Shop,
) -> None:
    await openai_shop.given(said(2))
    openai_shop.desk.fate(seconds=86_000)
    call = await openai_shop.submitted()
    # Of a submit that was left unclear no more is known than the upload.
    unclear = await openai_shop.submitted(job_order(2))
    await openai_shop.uploaded(job_order(3))
    left = remains(uploads=(3,))
    with pytest.raises(ProviderUnavailable, match="still ending"):
        await openai_shop.run(openai_shop.jobs.clean_up, left)
    assert await openai_shop.waiting_on() == "a job is still ending"
    # By the names of their inputs such jobs are found again.
    assert len(await files_left(openai_shop)) == 2
    openai_shop.desk.pass_time(3_600)
    await openai_shop.run(openai_shop.jobs.clean_up, left, attempt=2)
    for job_id in (call.job_id, unclear.job_id):
        assert (await openai_shop.desk.provider.poll(job_id)).status is BatchStatus.CANCELLED
    assert await files_left(openai_shop) == []
    assert await openai_shop.waiting_on() is None


async def test_a_running_job_of_another_shard_is_left_alone(shop: Shop) -> None:
    await shop.given(said(2))
    other = await shop.desk.submit(tag=job_order(1, shard=1).tag)
    await shop.run(shop.jobs.clean_up, remains())
    assert not (await shop.desk.provider.poll(other.id)).status.ended
    assert other.input_file_id in await files_left(shop)


UNKNOWN = "neither lists nor knows batch_"


async def test_a_job_that_nobody_knows_may_still_run_and_is_looked_for_when_all_else_is_gone(
    shop: Shop,
) -> None:
    await shop.given(said(2))
    await shop.uploaded()
    unheard_of = remains(JobCall(job=job_order(), job_id="batch_unheard_of"))
    looks = Looks(shop, shop.jobs.clean_up, unheard_of)
    await looks.in_vain(match=UNKNOWN)
    assert await files_left(shop) == []
    assert UNKNOWN in (await shop.waiting_on() or "")
    looks.wait(RESULTS_AWAITED)
    await looks.in_vain(match=UNKNOWN)
    looks.wait(JOB_LOOKED_FOR)
    await looks.look()
    assert await shop.waiting_on() is None


async def test_a_job_that_was_seen_to_end_and_is_forgotten_holds_nothing_up(
    any_shop: Shop,
) -> None:
    await any_shop.given(said(2))
    call = await any_shop.ended()
    await any_shop.polled(call)
    any_shop.desk.simulator.desk.jobs.clear()
    looks = Looks(any_shop, any_shop.jobs.clean_up, remains(call))
    await looks.long_enough(RESULTS_AWAITED, match="neither lists nor knows")


async def test_one_wrong_answer_to_a_clean_up_leaves_no_job_running(openai_shop: Shop) -> None:
    await openai_shop.given(said(2))
    openai_shop.desk.fate(seconds=86_000, list_after_seconds=80_000)
    call = await openai_shop.submitted()
    openai_shop.desk.fault(verb="batches.retrieve", kind="reject", reason="unknown_batch", times=1)
    looks = Looks(openai_shop, openai_shop.jobs.clean_up, remains(call))
    await looks.in_vain(match=UNKNOWN)
    openai_shop.desk.fault(verb="batches.cancel", kind="reject", reason="unknown_batch", times=1)
    await looks.in_vain(match="still ending", times=2)
    assert (await openai_shop.desk.provider.poll(call.job_id)).status is BatchStatus.CANCELLING
    openai_shop.desk.pass_time(3_600)
    await looks.look()
    assert await files_left(openai_shop) == []


async def test_a_provider_that_is_down_is_cleaned_up_after_later(shop: Shop) -> None:
    await shop.given(said(2))
    await shop.uploaded()
    shop.desk.fault(kind="status", verb="files.delete", status=500, times=1)
    with pytest.raises(ProviderUnavailable):
        await shop.run(shop.jobs.clean_up, remains())
    await shop.run(shop.jobs.clean_up, remains())
    assert await files_left(shop) == []


class Beats(list[Any]):
    """Heartbeats, and a word when there is a new one."""

    def __init__(self) -> None:
        self.beaten = asyncio.Event()

    def append(self, details: Any) -> None:
        super().append(details)
        self.beaten.set()


async def test_a_cancel_and_a_submit_beat_until_their_job_is_noted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_INTERVAL", timedelta(milliseconds=1))
    await shop.given(said(2))
    call = await shop.ended()
    beats = Beats()
    note_job = shop.house.catalog.note_job

    async def slow(*args: Any, **kwargs: Any) -> None:
        # Written down only when it has beaten anew.
        beats.beaten.clear()
        async with asyncio.timeout(60):
            await beats.beaten.wait()
        await note_job(*args, **kwargs)

    monkeypatch.setattr(shop.house.catalog, "note_job", slow)
    await shop.run(shop.jobs.cancel, call, beats=beats)
    await shop.run(shop.jobs.submit, SubmitOrder(job=call.job, file_id="file-any"), beats=beats)
    assert len(await shop.noted()) == 1
