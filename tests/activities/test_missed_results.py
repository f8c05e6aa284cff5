"""Results that a job should have and that are not to be seen: they are awaited for a while, and then lost."""

from datetime import timedelta
from typing import Any

import pytest

from activities.job_payloads import Download, DownloadOrder, JobCall
from activities.missed import ENOUGH_LOOKS, RESULTS_AWAITED
from overnight.domain.errors import ProviderUnavailable
from overnight.domain.layout import work_prefix
from overnight.domain.status import BatchStatus, StopReason
from simulators.native.files import StoredFile
from tests.activities.house import BATCH
from tests.activities.looks import Looks
from tests.activities.shop import Shop, said

MOMENT = timedelta(seconds=1)


def looks_at(
    shop: Shop, call: JobCall, *, stopped: StopReason | None = None
) -> Looks[DownloadOrder, Download]:
    order = DownloadOrder(job=call.job, job_id=call.job_id, stopped=stopped)
    return Looks(shop, shop.jobs.download, order)


async def without_output(shop: Shop, call: JobCall) -> None:
    """Delete what a job has made."""
    job = await shop.desk.provider.poll(call.job_id)
    assert job.output_file_id is not None
    await shop.desk.provider.delete_file(job.output_file_id)


async def kept(shop: Shop) -> int:
    """Return how many checkpoints there are."""
    keys = [found.key async for found in shop.house.storage.list(work_prefix(BATCH))]
    return sum("/part" in key for key in keys)


async def output_of(shop: Shop, call: JobCall) -> StoredFile:
    """Return the file of a job's results as the provider has it, written."""
    job = await shop.desk.provider.poll(call.job_id)
    assert len(await shop.desk.results(job)) == job.counts.done
    present = shop.desk.simulator.desk.shelf.present(now=0)
    return next(each for each in present if each.id == job.output_file_id)


# --- gone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"verb": "files.content", "kind": "reject", "reason": "unknown_file"},
        {"verb": "files.content", "kind": "html", "status": 404},
        {"verb": "files.content", "kind": "html", "status": 410},
        {"verb": "batches.retrieve", "kind": "reject", "reason": "unknown_batch"},
    ],
    ids=["no file", "page for a file", "another page for a file", "no job"],
)
async def test_one_wrong_answer_loses_no_results(openai_shop: Shop, fault: dict[str, Any]) -> None:
    shop = openai_shop
    await shop.given(said(4))
    call = await shop.ended()
    shop.desk.fault(times=1, **fault)
    looks = looks_at(shop, call)
    await looks.in_vain(match="404|410|does not know|has no result file")
    assert await shop.waiting_on() is not None
    downloaded = await looks.look()
    assert (downloaded.answered, downloaded.refusal, downloaded.warning) == (4, None, None)
    assert await shop.waiting_on() is None


async def test_a_page_about_a_file_is_never_the_last_word(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.ended()
    looks = looks_at(shop, call)
    shop.desk.fault(verb="files.content", kind="reject", reason="unknown_file", times=1)
    await looks.in_vain(match="has no result file")
    looks.wait(RESULTS_AWAITED)
    shop.desk.fault(verb="files.content", kind="html", status=404, times=ENOUGH_LOOKS)
    await looks.in_vain(match="404", times=ENOUGH_LOOKS)
    assert (await looks.look()).answered == 2


async def test_results_that_stay_away_are_gone(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.ended()
    await without_output(shop, call)
    downloaded = await looks_at(shop, call).long_enough(RESULTS_AWAITED, match="has no result file")
    assert (downloaded.lines, downloaded.answered) == (2, 0)
    assert downloaded.refusal is not None
    assert downloaded.refusal.code == "results_gone"
    assert await shop.waiting_on() is None


async def test_a_job_that_stays_unknown_is_a_refusal(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    call = await any_shop.ended()
    any_shop.desk.fault(verb="batches.retrieve", kind="reject", reason="unknown_batch")
    downloaded = await looks_at(any_shop, call).long_enough(RESULTS_AWAITED, match="does not know the job")
    assert (downloaded.answered, downloaded.refusal is None) == (0, False)


async def test_results_of_a_job_that_is_unknown_but_were_kept_before_are_no_refusal(shop: Shop) -> None:
    await shop.given(said(3))
    call = await shop.ended()
    assert (await looks_at(shop, call).look()).answered == 3
    shop.desk.fault(verb="batches.retrieve", kind="reject", reason="unknown_batch")
    again = await looks_at(shop, call).look()
    assert (again.answered, again.refusal) == (3, None)


async def test_nobody_who_stops_waits_for_results_that_are_gone(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.ended()
    await without_output(shop, call)
    downloaded = await looks_at(shop, call, stopped=StopReason.CANCELLED).look()
    assert (downloaded.answered, downloaded.refusal is None) == (0, False)


async def test_of_results_that_come_late_and_go_again_those_seen_are_kept(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(lose_every=5)
    call = await shop.ended()
    looks = looks_at(shop, call)
    await looks.in_vain(match="results of 8 of 10 lines so far")
    await without_output(shop, call)
    await looks.in_vain(match="has no result file")
    looks.wait(RESULTS_AWAITED)
    downloaded = await looks.look()
    assert (downloaded.answered, downloaded.refusal) == (8, None)


# --- late ----------------------------------------------------------------------------------------


async def test_results_that_are_not_all_there_are_awaited_by_the_clock(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(lose_every=5)
    looks = looks_at(shop, await shop.ended())
    missing = "results of 8 of 10 lines so far"
    await looks.in_vain(match=missing, times=ENOUGH_LOOKS + 3)
    looks.wait(RESULTS_AWAITED - 10 * MOMENT)
    await looks.in_vain(match=missing)
    assert await shop.waiting_on() == missing
    # What all of them have seen is kept once.
    assert await kept(shop) == 1
    looks.wait(10 * MOMENT)
    downloaded = await looks.look()
    assert downloaded.answered == 8
    assert downloaded.warning is not None
    assert downloaded.warning.endswith("says 10 lines are done, its results are of 8")
    assert await shop.waiting_on() is None


async def test_attempts_that_came_to_nothing_use_up_no_patience(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(lose_every=5)
    call = await shop.ended()
    order = DownloadOrder(job=call.job, job_id=call.job_id)
    with pytest.raises(ProviderUnavailable, match="so far"):
        await shop.run(shop.jobs.download, order, attempt=1_000)


async def test_a_provider_that_was_down_all_the_while_has_shown_nothing(shop: Shop) -> None:
    await shop.given(said(10))
    shop.desk.fate(lose_every=5)
    looks = looks_at(shop, await shop.ended())
    await looks.in_vain(match="so far")
    shop.desk.fault(verb="files.content", kind="status", status=502, times=2)
    await looks.in_vain(match="502", times=2)
    looks.wait(2 * RESULTS_AWAITED)
    await looks.in_vain(match="so far", times=ENOUGH_LOOKS - 2)
    assert (await looks.look()).answered == 8


@pytest.mark.parametrize("cut", ["expired", "cancelled"])
async def test_the_results_of_a_job_that_was_cut_short_are_awaited_too(any_shop: Shop, cut: str) -> None:
    await any_shop.given(said(10))
    any_shop.desk.fate(lose_every=1, expire_at=0.5 if cut == "expired" else None)
    call = await any_shop.submitted()
    any_shop.desk.pass_time(6)
    if cut == "cancelled":
        await any_shop.run(any_shop.jobs.cancel, call)
    any_shop.desk.pass_time(3_600)
    assert (await any_shop.polled(call)).status is BatchStatus(cut)
    stopped = StopReason.CANCELLED if cut == "cancelled" else None
    looks = looks_at(any_shop, call, stopped=stopped)
    downloaded = await looks.long_enough(RESULTS_AWAITED, match="results of 0 of 5 lines so far")
    assert (downloaded.answered, downloaded.refusal) == (0, None)


# --- cut -----------------------------------------------------------------------------------------


async def test_a_result_file_whose_end_can_t_be_read_gives_up_the_rest_after_a_while(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.ended()
    output = await output_of(shop, call)
    output.path.write_bytes(output.path.read_bytes()[:-20])
    output.size = output.path.stat().st_size
    looks = looks_at(shop, call, stopped=StopReason.EXPIRED)
    downloaded = await looks.long_enough(RESULTS_AWAITED, match="stops in the middle of a line")
    assert (downloaded.answered, downloaded.refusal) == (9, None)
    assert downloaded.warning is not None
    assert "stops in the middle of a line" in downloaded.warning
    assert await kept(shop) == 1


async def test_an_odd_end_after_all_results_keeps_nobody_waiting(shop: Shop) -> None:
    await shop.given(said(10))
    call = await shop.ended()
    output = await output_of(shop, call)
    output.path.write_bytes(output.path.read_bytes() + b"END OF FILE")
    output.size = output.path.stat().st_size
    downloaded = await looks_at(shop, call).look()
    assert (downloaded.answered, downloaded.refusal) == (10, None)
    assert downloaded.warning is not None
