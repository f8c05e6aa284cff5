"""What every Provider must do about inputs and new jobs: sent, refused, lost, and found again."""

from datetime import timedelta

import pytest

from overnight.domain.errors import (
    NoPlace,
    NotReadyYet,
    ProviderRefused,
    ProviderUnavailable,
    SubmissionUnclear,
)
from tests.overnight.providers.desks import Desk, content_of, lines, tag
from tests.overnight.providers.jobs import CHAT, HOUR, submit_again, taken_in

# --- the files ---------------------------------------------------------------------------------


async def test_an_upload_is_found_by_its_tag_and_another_s_is_not(desk: Desk) -> None:
    mine = await desk.upload(lines(1), tag=tag(1))
    await desk.upload(lines(1), tag=tag(11))
    assert await desk.provider.find_uploads(tag(1), since=desk.since) == [mine]


async def test_an_upload_older_than_asked_for_is_not_found(openai_desk: Desk) -> None:
    await openai_desk.upload(lines(1), tag=tag())
    assert await openai_desk.provider.find_uploads(tag(), since=openai_desk.since + 2 * HOUR) == []


async def test_a_file_can_be_deleted_twice(desk: Desk) -> None:
    file_id = await desk.upload(lines(1), tag=tag())
    await desk.provider.delete_file(file_id)
    await desk.provider.delete_file(file_id)
    assert await desk.provider.find_uploads(tag(), since=desk.since) == []


async def test_an_upload_arrives_byte_by_byte_as_it_was_read(openai_desk: Desk) -> None:
    data = lines(1_000)
    file_id = await openai_desk.provider.upload(content_of(data, block=70_001), size=len(data), tag=tag())
    stored = await openai_desk.simulator.desk.file(file_id)
    assert stored.path.read_bytes() == data
    assert stored.filename == tag().filename


async def test_an_account_full_of_files_has_no_place(openai_desk: Desk) -> None:
    openai_desk.fault(kind="reject", verb="files.create", reason="storage_quota")
    with pytest.raises(NoPlace):
        await openai_desk.upload(lines(1), tag=tag())


async def test_an_upload_into_an_outage_may_be_repeated(openai_desk: Desk) -> None:
    openai_desk.fault(kind="status", verb="files.create", status=503, times=1)
    with pytest.raises(ProviderUnavailable):
        await openai_desk.upload(lines(1), tag=tag())
    assert await openai_desk.upload(lines(1), tag=tag())


# --- exactly one job ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lose_answer"},
        {"kind": "status", "status": 500, "done": True},
        {"kind": "html", "status": 502, "done": True},
        {"kind": "drop_midway", "done": True},
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_a_create_whose_answer_is_lost_is_unclear_and_its_job_is_found(
    desk: Desk, fault: dict[str, object]
) -> None:
    file_id = await taken_in(desk)
    desk.fault(verb="batches.create", times=1, **fault)
    with pytest.raises(SubmissionUnclear):
        await submit_again(desk, file_id)
    found = await desk.provider.find(str(tag()), since=desk.since)
    assert [job.id for job in found] == desk.job_ids()
    assert [job.tag for job in found] == [str(tag())]


async def test_a_create_that_hangs_is_unclear(hasty_desk: Desk) -> None:
    file_id = await taken_in(hasty_desk)
    hasty_desk.fault(verb="batches.create", kind="hang")
    with pytest.raises(SubmissionUnclear):
        await submit_again(hasty_desk, file_id)


async def test_a_create_that_never_left_is_not_unclear(desk: Desk) -> None:
    file_id = await taken_in(desk)
    await desk.simulator.listener.go_down()
    with pytest.raises(ProviderUnavailable) as caught:
        await submit_again(desk, file_id)
    assert not isinstance(caught.value, SubmissionUnclear)


async def test_a_new_job_is_found_once_the_listing_shows_it(desk: Desk) -> None:
    desk.fate(list_after_seconds=20)
    job = await desk.submit(tag=tag())
    assert await desk.provider.find(str(tag()), since=desk.since) == []
    desk.pass_time(20)
    assert [found.id for found in await desk.provider.find(str(tag()), since=desk.since)] == [job.id]


async def test_the_jobs_of_a_shard_are_found_oldest_first_and_no_others(desk: Desk) -> None:
    first = await desk.submit(tag=tag(1))
    second = await desk.submit(tag=tag(2))
    await desk.submit(tag=tag(1, shard=1))
    await desk.submit(tag=tag(1, batch_id="batch_two"))
    found = await desk.provider.find(tag().of_shard, since=desk.since)
    assert [job.id for job in found] == [first.id, second.id]


async def test_twins_of_the_same_second_are_found_in_the_order_of_their_creation(openai_desk: Desk) -> None:
    file_id = await taken_in(openai_desk)
    twins = [await submit_again(openai_desk, file_id) for _ in range(3)]
    found = await openai_desk.provider.find(str(tag()), since=openai_desk.since)
    assert [job.id for job in found] == [twin.id for twin in twins]


async def test_a_job_on_a_later_page_is_found(desk: Desk) -> None:
    file_id = await taken_in(desk)
    job = await desk.provider.submit(tag=tag(7), file_id=file_id, endpoint=CHAT)
    for _ in range(120):
        await submit_again(desk, file_id)
    found = await desk.provider.find(str(tag(7)), since=desk.since)
    assert [each.id for each in found] == [job.id]


async def test_the_search_stops_where_jobs_are_too_old(desk: Desk) -> None:
    file_id = await taken_in(desk)
    for _ in range(110):
        await submit_again(desk, file_id)
    asked_before = desk.calls("batches.list")
    assert await desk.provider.find(str(tag()), since=desk.since + 2 * HOUR) == []
    assert desk.calls("batches.list") == asked_before + 1


# --- no, not now, and maybe --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["400", "429"])
async def test_a_full_queue_has_no_place(openai_desk: Desk, how: str) -> None:
    openai_desk.rule(enqueued_tokens=1, over_enqueued=how)
    with pytest.raises(NoPlace):
        await openai_desk.submit(tag=tag())
    assert openai_desk.job_ids() == []


async def test_too_many_calls_are_to_be_made_later(desk: Desk) -> None:
    file_id = await taken_in(desk)
    desk.fault(kind="reject", verb="batches.create", reason="rate_limited", retry_after="17")
    with pytest.raises(ProviderUnavailable) as caught:
        await submit_again(desk, file_id)
    assert not isinstance(caught.value, SubmissionUnclear)
    assert (caught.value.status, caught.value.retry_after) == (429, timedelta(seconds=17))


async def test_an_account_without_credit_is_refused(openai_desk: Desk) -> None:
    file_id = await taken_in(openai_desk)
    openai_desk.fault(kind="reject", verb="batches.create", reason="insufficient_quota")
    with pytest.raises(ProviderRefused) as caught:
        await submit_again(openai_desk, file_id)
    assert caught.value.code == "insufficient_quota"


async def test_an_unknown_model_is_refused(desk: Desk) -> None:
    file_id = await taken_in(desk)
    desk.fault(kind="reject", verb="batches.create", reason="unknown_model")
    with pytest.raises(ProviderRefused) as caught:
        await submit_again(desk, file_id)
    assert caught.value.status == 404
    assert caught.value.code in {"model_not_found", "DeploymentNotFound", "NOT_FOUND"}


@pytest.mark.parametrize("reason", ["input_missing", "file_not_ready"])
async def test_a_file_that_is_not_known_yet_is_not_ready(openai_desk: Desk, reason: str) -> None:
    file_id = await taken_in(openai_desk)
    openai_desk.fault(kind="reject", verb="batches.create", reason=reason, times=1)
    with pytest.raises(NotReadyYet):
        await submit_again(openai_desk, file_id)
    assert await submit_again(openai_desk, file_id)
