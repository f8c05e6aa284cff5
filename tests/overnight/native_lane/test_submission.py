"""Exactly one job, whatever happens to the create and to those who ask for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import NoPlace, NotReadyYet, ProviderRefused, SubmissionUnclear
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.native_lane import cancel_twins, submit_once
from overnight.native_lane.submission import only_job
from tests.overnight.providers.desks import OPENAI, Desk, lines, opened, tag

CHAT = Endpoint.CHAT_COMPLETIONS


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(OPENAI) as desk:
        yield desk


async def uploaded(desk: Desk) -> str:
    file_id = await desk.upload(lines(4), tag=tag())
    desk.pass_time(10)
    return file_id


async def submitted(desk: Desk, file_id: str, *, number: int = 1, again: bool = False) -> Job:
    return await submit_once(
        desk.provider, tag=tag(number), file_id=file_id, endpoint=CHAT, since=desk.since, again=again
    )


async def create(desk: Desk, file_id: str, *, number: int = 1) -> Job:
    """Create a job as somebody would who does not look first."""
    desk.pass_time(1)
    return await desk.provider.submit(tag=tag(number), file_id=file_id, endpoint=CHAT)


async def alive(desk: Desk) -> list[str]:
    """Which jobs run, or will, by what the provider itself says."""
    desk.pass_time(60)
    jobs = [await desk.provider.poll(job_id) for job_id in desk.job_ids()]
    return [job.id for job in jobs if job.status is not BatchStatus.CANCELLED]


@pytest.mark.parametrize("again", [False, True])
async def test_where_there_is_no_job_one_is_created(desk: Desk, again: bool) -> None:  # noqa: FBT001 - a case
    job = await submitted(desk, await uploaded(desk), again=again)
    assert desk.job_ids() == [job.id]
    assert job.tag == str(tag())


@pytest.mark.parametrize("again", [False, True])
async def test_a_job_that_is_there_already_is_taken(desk: Desk, again: bool) -> None:  # noqa: FBT001 - a case
    file_id = await uploaded(desk)
    there = await create(desk, file_id)
    assert (await submitted(desk, file_id, again=again)).id == there.id
    assert desk.job_ids() == [there.id]


async def test_any_number_of_tries_whose_answers_are_lost_makes_one_job(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fault(kind="lose_answer", verb="batches.create")
    with pytest.raises(SubmissionUnclear):
        await submitted(desk, file_id)
    for _ in range(5):
        assert [(await submitted(desk, file_id, again=True)).id] == desk.job_ids()


async def test_a_job_that_the_listing_hides_for_a_while_is_not_created_again(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fate(list_after_seconds=20)
    desk.fault(kind="lose_answer", verb="batches.create", times=1)
    with pytest.raises(SubmissionUnclear):
        await submitted(desk, file_id)
    # Whoever tries again does so once the provider's lag has passed.
    desk.pass_time(20)
    assert [(await submitted(desk, file_id, again=True)).id] == desk.job_ids()


async def test_a_job_that_the_shard_asked_for_before_is_not_taken_for_this_one(desk: Desk) -> None:
    file_id = await uploaded(desk)
    others = [await create(desk, file_id, number=number) for number in (1, 2, 10)]
    job = await submitted(desk, file_id, number=11, again=True)
    assert job.id not in {other.id for other in others}
    assert await alive(desk) == [*(other.id for other in others), job.id]


@pytest.mark.parametrize("again", [False, True])
async def test_a_story_told_again_goes_on_with_the_last_job_there_is(desk: Desk, again: bool) -> None:  # noqa: FBT001 - a case
    file_id = await uploaded(desk)
    # Their numbers are compared, and not the tags that they are the ends of.
    jobs = {number: (await create(desk, file_id, number=number)).id for number in (1, 2, 10)}
    assert (await submitted(desk, file_id, number=1, again=again)).id == jobs[10]
    assert desk.job_ids() == list(jobs.values())


async def test_of_twins_the_oldest_stays(desk: Desk) -> None:
    file_id = await uploaded(desk)
    oldest, *_ = [await create(desk, file_id) for _ in range(3)]
    assert (await submitted(desk, file_id, again=True)).id == oldest.id
    assert await alive(desk) == [oldest.id]


async def test_two_that_submit_at_once_end_up_with_the_same_job(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fault(kind="delay", verb="batches.create", seconds=0.1)
    first, second = await asyncio.gather(submitted(desk, file_id), submitted(desk, file_id))
    assert len(desk.job_ids()) == 2
    kept = await only_job(desk.provider, tag=tag(), since=desk.since)
    assert kept is not None
    assert await alive(desk) == [kept.id]
    assert kept.id in {first.id, second.id}


async def test_a_twin_that_has_ended_is_left_as_it_is(desk: Desk) -> None:
    file_id = await uploaded(desk)
    oldest = await create(desk, file_id)
    twin = await create(desk, file_id)
    desk.pass_time(3_600)
    kept = await only_job(desk.provider, tag=tag(), since=desk.since)
    assert kept is not None
    assert kept.id == oldest.id
    assert (await desk.provider.poll(twin.id)).status is BatchStatus.COMPLETED


async def test_a_create_that_is_finished_late_is_cancelled_once_it_shows(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fate(list_after_seconds=600, stuck_at=0.5)
    desk.fault(kind="lose_answer", verb="batches.create", times=1)
    with pytest.raises(SubmissionUnclear):
        await submitted(desk, file_id)
    followed = await submitted(desk, file_id, again=True)
    late = next(job_id for job_id in desk.job_ids() if job_id != followed.id)
    assert await alive(desk) == [late, followed.id]
    desk.pass_time(600)

    await cancel_twins(desk.provider, job_id=followed.id, tag=tag(), since=desk.since)

    assert await alive(desk) == [followed.id]


async def test_looking_for_twins_leaves_other_jobs_of_the_shard_alone(desk: Desk) -> None:
    file_id = await uploaded(desk)
    first, second = await create(desk, file_id, number=1), await create(desk, file_id, number=2)
    await cancel_twins(desk.provider, job_id=second.id, tag=tag(2), since=desk.since)
    assert await alive(desk) == [first.id, second.id]


async def test_nobody_s_job_is_no_job(desk: Desk) -> None:
    assert await only_job(desk.provider, tag=tag(), since=desk.since) is None


async def test_a_refusal_before_anything_was_tried_is_a_refusal(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fault(kind="reject", verb="batches.list", reason="bad_key")
    with pytest.raises(ProviderRefused):
        await submitted(desk, file_id)
    assert desk.job_ids() == []


async def test_a_refusal_to_list_says_nothing_of_a_job_that_may_have_been_created(desk: Desk) -> None:
    file_id = await uploaded(desk)
    there = await create(desk, file_id)
    desk.fault(kind="reject", verb="batches.list", reason="bad_key", times=1)
    with pytest.raises(SubmissionUnclear):
        await submitted(desk, file_id, again=True)
    assert (await submitted(desk, file_id, again=True)).id == there.id


async def test_a_refusal_to_list_right_after_the_create_does_not_lose_the_job(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fault(kind="reject", verb="batches.list", reason="forbidden", skip=1, times=1)
    with pytest.raises(SubmissionUnclear):
        await submitted(desk, file_id)
    assert [(await submitted(desk, file_id, again=True)).id] == desk.job_ids()


async def test_no_room_is_for_whoever_asked_to_deal_with(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.rule(enqueued_tokens=1, over_enqueued="429")
    for again in (False, True):
        with pytest.raises(NoPlace):
            await submitted(desk, file_id, again=again)


async def test_nothing_is_created_of_a_file_that_is_still_being_taken_in(desk: Desk) -> None:
    file_id = await uploaded(desk)
    desk.fault(kind="reject", verb="batches.create", reason="file_not_ready", times=1)
    with pytest.raises(NotReadyYet):
        await submitted(desk, file_id)
    assert desk.job_ids() == []
    assert [(await submitted(desk, file_id)).id] == desk.job_ids()
