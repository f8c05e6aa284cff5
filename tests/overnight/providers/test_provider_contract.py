"""What every Provider must do. A new one adds itself to `desks.KINDS` and passes all of it."""

from datetime import timedelta

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.errors import (
    JobNotFound,
    ProviderRefused,
    ProviderUnavailable,
)
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
    deployment_of,
    lines,
    make,
    opened,
    tag,
)
from tests.overnight.providers.jobs import HOUR, NOW, collect, submit_again, taken_in

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


# --- keys -------------------------------------------------------------------------------------


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
