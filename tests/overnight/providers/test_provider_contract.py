"""What every Provider must do. A new one adds itself to `desks.KINDS` and passes all of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import (
    JobNotFound,
    NoPlace,
    NotReadyYet,
    ProviderRefused,
    ProviderUnavailable,
    SubmissionUnclear,
)
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.providers import Result
from overnight.providers.protocol import RESULTS_GONE
from tests.overnight.providers.desks import (
    AZURE,
    KEY,
    OPENAI,
    OPENAI_SHAPED,
    Desk,
    content_of,
    deployment_of,
    lines,
    make,
    opened,
    tag,
)

CHAT = Endpoint.CHAT_COMPLETIONS
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


async def submit_again(desk: Desk, file_id: str) -> Job:
    return await desk.provider.submit(tag=tag(), file_id=file_id, endpoint=CHAT)


async def taken_in(desk: Desk) -> str:
    """Return the id of an input file that is ready."""
    file_id = await desk.upload(lines(4), tag=tag())
    desk.pass_time(10)
    return file_id


async def collect(results: AsyncIterator[Result], *, into: list[Result]) -> None:
    async for result in results:
        into.append(result)  # noqa: PERF401 - what comes before a break is to be seen


# --- a job's life ------------------------------------------------------------------------------


async def test_a_job_lives_from_its_upload_to_its_results(desk: Desk) -> None:
    submitted = await desk.submit(tag=tag())
    assert (submitted.status, submitted.tag) == (BatchStatus.VALIDATING, str(tag()))
    assert submitted.counts == Counts()
    desk.pass_time(5)
    running = await desk.provider.poll(submitted.id)
    assert running.status is BatchStatus.IN_PROGRESS
    assert running.counts.total == 4
    desk.pass_time(3_600)
    ended = await desk.provider.poll(submitted.id)
    assert (ended.status, ended.counts) == (BatchStatus.COMPLETED, Counts(4, 4, 0))
    results = {result.key: result for result in await desk.results(ended)}
    assert sorted(results) == ["line-0", "line-1", "line-2", "line-3"]
    assert all(result.status == 200 and result.body.startswith(b"{") for result in results.values())
    assert b"say 2" in results["line-2"].body


async def test_a_job_says_when_it_was_created(desk: Desk) -> None:
    job = await desk.submit(tag=tag())
    assert job.created_at is not None
    assert abs(job.created_at - desk.since) < HOUR


async def test_lines_that_failed_keep_their_status_and_the_provider_s_words(desk: Desk) -> None:
    desk.fate(fail_every=2, fail_status=400)
    results = await desk.results(await desk.ended(tag=tag()))
    assert {result.key: result.status for result in results} == {
        "line-0": 200,
        "line-1": 400,
        "line-2": 200,
        "line-3": 400,
    }
    assert all(b'"error"' in result.body for result in results if result.status == 400)


async def test_a_line_that_was_never_answered_is_a_fault(openai_desk: Desk) -> None:
    openai_desk.fate(fail_every=4, fail_status=0)
    results = await openai_desk.results(await openai_desk.ended(tag=tag()))
    faults = {result.key: result.fault.code for result in results if result.fault}
    assert faults == {"line-3": "request_timeout"}


async def test_shuffled_doubled_and_missing_results_come_as_they_are(desk: Desk) -> None:
    desk.fate(shuffle=True, duplicate_every=10, lose_every=7)
    results = [result.key for result in await desk.results(await desk.ended(50, tag=tag()))]
    there = {f"line-{index}" for index in range(50) if (index + 1) % 7}
    doubled = {f"line-{index}" for index in range(50) if (index + 1) % 10 == 0 and (index + 1) % 7}
    assert results != sorted(results, key=lambda key: int(key.removeprefix("line-")))
    assert set(results) == there
    assert {key for key in results if results.count(key) == 2} == doubled


async def test_a_refused_input_says_which_lines_are_wrong(openai_desk: Desk) -> None:
    data = lines(2) + b"this is no JSON\n"
    file_id = await openai_desk.upload(data, tag=tag())
    openai_desk.pass_time(10)
    job = await submit_again(openai_desk, file_id)
    openai_desk.pass_time(3_600)
    failed = await openai_desk.provider.poll(job.id)
    assert failed.status is BatchStatus.FAILED
    assert failed.errors == (
        BatchError(code="invalid_json_line", message="This line is not parseable as valid JSON.", line=3),
    )
    assert not failed.met_token_limit
    assert await openai_desk.results(failed) == []


async def test_a_job_that_meets_the_token_limit_late_says_so(openai_desk: Desk) -> None:
    openai_desk.rule(enqueued_tokens=1)
    assert (await openai_desk.ended(tag=tag())).met_token_limit


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


@pytest.mark.parametrize(
    ("reason", "code"), [("bad_key", "invalid_api_key"), ("forbidden", "permission_denied")]
)
async def test_a_refused_key_is_named_by_where_it_came_from(desk: Desk, reason: str, code: str) -> None:
    file_id = await taken_in(desk)
    desk.fault(kind="reject", verb="*", reason=reason)
    for call in (submit_again(desk, file_id), desk.provider.find("x", since=desk.since)):
        with pytest.raises(ProviderRefused) as caught:
            await call
        assert caught.value.code == code
        assert "environment variable SOME_KEY" in caught.value.message
        assert "deployment 'gpt'" in caught.value.message


async def test_a_key_that_is_being_rotated_loses_no_job(openai_desk: Desk) -> None:
    job = await openai_desk.ended(tag=tag())
    openai_desk.rule(key="sk-another-one")
    for call in (
        openai_desk.provider.poll(job.id),
        openai_desk.provider.cancel(job.id),
        openai_desk.results(job),
    ):
        with pytest.raises(ProviderUnavailable, match="SOME_KEY"):
            await call


async def test_the_key_stands_in_no_message_and_no_repr(openai_desk: Desk) -> None:
    openai_desk.rule(key="sk-another-one")
    with pytest.raises(ProviderRefused) as caught:
        await openai_desk.upload(lines(1), tag=tag())
    provider, deployment = openai_desk.provider, openai_desk.deployment
    told = f"{caught.value!r} {caught.value.message} {provider!r} {vars(provider)} {deployment}"
    assert KEY not in told


@pytest.mark.parametrize("key", ["sk-with-a-line-break\n", "sk-with-a-“quote”"])
@pytest.mark.parametrize("kind", OPENAI_SHAPED)
async def test_a_key_that_no_header_can_carry_is_refused_unquoted(kind: str, key: str) -> None:
    provider = make(deployment_of(kind, "http://127.0.0.1:9", key=key))
    with pytest.raises(ProviderRefused) as caught:
        await provider.find("x", since=NOW)
    assert caught.value.code == "invalid_api_key"
    assert key.strip() not in caught.value.message


# --- polling and cancelling --------------------------------------------------------------------


async def test_a_job_nobody_knows_is_not_found(desk: Desk) -> None:
    with pytest.raises(JobNotFound):
        await desk.provider.poll("batch_of_somebody_else")
    with pytest.raises(JobNotFound):
        await desk.provider.cancel("batch_of_somebody_else")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "html", "status": 404},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 400},
        {"kind": "drop"},
        {"kind": "html", "status": 200},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
async def test_no_answer_about_something_else_loses_a_job(desk: Desk, fault: dict[str, object]) -> None:
    job = await desk.submit(tag=tag())
    desk.fault(verb="batches.retrieve", times=1, **fault)
    with pytest.raises(ProviderUnavailable):
        await desk.provider.poll(job.id)
    assert (await desk.provider.poll(job.id)).id == job.id


async def test_polling_heeds_retry_after(desk: Desk) -> None:
    job = await desk.submit(tag=tag())
    desk.fault(kind="status", verb="batches.retrieve", status=503, retry_after="120")
    with pytest.raises(ProviderUnavailable) as caught:
        await desk.provider.poll(job.id)
    assert caught.value.retry_after == timedelta(minutes=2)


async def test_a_cancelled_job_keeps_what_was_finished(desk: Desk) -> None:
    job = await desk.submit(10, tag=tag())
    desk.pass_time(6)
    assert (await desk.provider.cancel(job.id)).status is BatchStatus.CANCELLING
    desk.pass_time(600)
    cancelled = await desk.provider.poll(job.id)
    assert cancelled.status is BatchStatus.CANCELLED
    results = await desk.results(cancelled)
    answered = [result for result in results if result.status == 200]
    assert 0 < len(answered) < 10
    # Some say of every line that it was not answered, others say nothing of it.
    assert {result.fault.code for result in results if result.fault} <= {"batch_cancelled"}
    assert len(results) in {len(answered), 10}


async def test_cancelling_what_has_ended_returns_it_as_it_is(desk: Desk) -> None:
    job = await desk.ended(tag=tag())
    assert await desk.provider.cancel(job.id) == job
    assert job.status is BatchStatus.COMPLETED


async def test_a_cancel_can_be_repeated(desk: Desk) -> None:
    job = await desk.submit(tag=tag())
    await desk.provider.cancel(job.id)
    assert (await desk.provider.cancel(job.id)).status is BatchStatus.CANCELLING


# --- results -----------------------------------------------------------------------------------


@pytest.mark.parametrize("arrived", [1_000, 50_000])
async def test_a_download_that_breaks_off_raises_and_can_be_begun_again(
    openai_desk: Desk, arrived: int
) -> None:
    job = await openai_desk.ended(300, tag=tag())
    openai_desk.fault(kind="drop_midway", verb="files.content", bytes=arrived, times=1)
    seen: list[Result] = []
    with pytest.raises(ProviderUnavailable):
        await collect(openai_desk.provider.results(job), into=seen)
    assert len(seen) < 300
    assert all(result.body.endswith(b"}") for result in seen)
    assert len(await openai_desk.results(job)) == 300


async def test_a_download_from_a_provider_that_is_down_is_to_be_tried_later(openai_desk: Desk) -> None:
    job = await openai_desk.ended(tag=tag())
    openai_desk.fault(kind="status", verb="files.content", status=502)
    with pytest.raises(ProviderUnavailable):
        await openai_desk.results(job)


async def test_results_that_were_deleted_are_gone(desk: Desk) -> None:
    job = await desk.ended(tag=tag())
    assert job.output_file_id is not None
    await desk.provider.delete_file(job.output_file_id)
    with pytest.raises(ProviderRefused) as caught:
        await desk.results(job)
    assert caught.value.code == RESULTS_GONE


async def test_before_it_says_that_results_are_gone_a_provider_yields_those_that_are_there(
    openai_desk: Desk,
) -> None:
    openai_desk.fate(fail_every=2, fail_status=400)
    job = await openai_desk.ended(tag=tag())
    assert job.output_file_id is not None
    await openai_desk.provider.delete_file(job.output_file_id)
    seen: list[Result] = []
    with pytest.raises(ProviderRefused):
        await collect(openai_desk.provider.results(job), into=seen)
    assert [result.status for result in seen] == [400, 400]


async def test_only_openai_gives_up_after_its_window() -> None:
    for kind, ends in ((OPENAI, BatchStatus.EXPIRED), (AZURE, BatchStatus.IN_PROGRESS)):
        async with opened(kind) as desk:
            desk.fate(stuck_at=0.5)
            job = await desk.submit(tag=tag())
            desk.pass_time(25 * 3_600)
            late = await desk.provider.poll(job.id)
            assert late.status is ends
            assert (desk.provider.limits.window is None) is (kind == AZURE)
