"""The native lane's steps, against a simulated provider over real HTTP: out, and into its queue."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity

from activities.job_payloads import NoPlaceNow, Submission, SubmitOrder
from activities.job_submitting import READY_WITHIN
from overnight.domain.errors import NotReadyYet, ObjectNotFound, StorageUnavailable, SubmissionUnclear
from overnight.domain.layout import file_key
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.providers import Providers
from tests.activities.house import BATCH, INPUT, House, line
from tests.activities.shop import Shop, job_order, said
from tests.overnight.providers.desks import AZURE, GOOGLE, KEY, VERTEX, opened

ODD_IDS = ["x" * 512, "😀" * 128, 'a "b" \\ c', "1\n2\r3\u2028", "%b", "é", "e\u0301", " "]


async def test_a_shard_goes_out_and_comes_back_in_the_client_s_words(any_shop: Shop) -> None:
    await any_shop.given(said(5))
    call = await any_shop.submitted()
    assert (await any_shop.polled(call)).status is BatchStatus.VALIDATING
    any_shop.desk.pass_time(3_600)
    report = await any_shop.polled(call, seen=BatchStatus.VALIDATING)
    assert (report.status, report.counts) == (BatchStatus.COMPLETED, Counts(5, 5, 0))
    outcomes = await any_shop.outcomes(call)
    assert list(outcomes) == [f"line-{number}" for number in range(5)]
    assert {each["response"]["status_code"] for each in outcomes.values()} == {200}
    assert (await any_shop.house.catalog.batch(BATCH)).counts.completed == 5


async def test_the_provider_gets_its_own_name_of_the_model(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.ended()
    (asked,) = [
        stored for stored in shop.desk.simulator.desk.shelf.present(now=0) if stored.purpose == "batch"
    ]
    assert b'"model":"gpt-4o-mini"' in asked.path.read_bytes()
    # The simulator names the exact version, which says more than the client's name.
    outcomes = await shop.outcomes(call)
    assert {each["response"]["body"]["model"] for each in outcomes.values()} == {"gpt-4o-mini-2025-08-07"}


async def test_any_custom_id_survives_the_journey(any_shop: Shop) -> None:
    lines = [json.loads(line(0, model="gpt")) | {"custom_id": odd} for odd in ODD_IDS]
    await any_shop.given(*(json.dumps(each).encode() + b"\n" for each in lines))
    assert list(await any_shop.outcomes(await any_shop.ended())) == ODD_IDS


async def test_a_deployment_for_any_model_is_asked_for_the_default_one_where_a_line_names_none(
    shop: Shop,
) -> None:
    shop.with_(replace(shop.desk.deployment, model_name="*", model="*"), default_model="gpt-4o-mini")
    await shop.given(
        line(0, model="gpt-4o-mini"), line(1, model="gpt-4o-mini").replace(b'"model": "gpt-4o-mini", ', b"")
    )
    call = await shop.submitted(job_order(default_model="gpt-4o-mini"))
    shop.desk.pass_time(3_600)
    assert (await shop.polled(call)).counts == Counts(2, 2, 0)
    bodies = [each["response"]["body"] for each in (await shop.outcomes(call)).values()]
    assert len({body["model"] for body in bodies}) == 1


async def test_a_repeated_upload_takes_what_is_there(shop: Shop) -> None:
    await shop.given(said(2))
    first = await shop.run(shop.jobs.upload, job_order())
    assert await shop.run(shop.jobs.upload, job_order(), attempt=2) == first
    other = await shop.run(shop.jobs.upload, job_order(2), attempt=2)
    assert other.file_id not in {None, first.file_id}


async def test_no_room_for_files_is_no_place(shop: Shop) -> None:
    await shop.given(said(2))
    shop.desk.fault(kind="reject", verb="files.create", reason="storage_quota")
    upload = await shop.run(shop.jobs.upload, job_order())
    assert (upload.file_id, upload.refusal) == (None, None)
    assert isinstance(upload.no_place, NoPlaceNow)


async def test_a_refused_key_is_a_refusal_that_names_where_it_came_from(shop: Shop) -> None:
    await shop.given(said(2))
    shop.desk.rule(key="sk-another")
    refused = (await shop.run(shop.jobs.upload, job_order())).refusal
    assert refused is not None
    assert refused.code == "invalid_api_key"
    assert "environment variable SOME_KEY" in refused.message
    assert KEY not in refused.message


async def test_a_submit_whose_answer_is_lost_finds_its_job_again(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    submit = SubmitOrder(job=job_order(), file_id=await any_shop.uploaded())
    any_shop.desk.fault(kind="lose_answer", verb="batches.create", times=1)
    with pytest.raises(SubmissionUnclear):
        await any_shop.run(any_shop.jobs.submit, submit)
    assert await any_shop.waiting_on() is not None
    again = await any_shop.run(any_shop.jobs.submit, submit, attempt=2)
    assert [again.job_id] == any_shop.desk.job_ids()
    assert await any_shop.waiting_on() is None


async def test_a_submit_is_noted_so_that_the_provider_s_news_find_its_workflow(shop: Shop) -> None:
    await shop.given(said(2))
    call = await shop.submitted(job_order(7))
    (noted,) = await shop.noted()
    assert (noted.id, noted.provider, noted.number) == (call.job_id, "openai", 7)
    assert (noted.workflow_id, noted.status) == (f"{BATCH}/shard-0000", BatchStatus.VALIDATING)


@pytest.mark.parametrize("how", ["400", "429"])
async def test_a_full_queue_is_no_place(openai_shop: Shop, how: str) -> None:
    await openai_shop.given(said(2))
    openai_shop.desk.rule(enqueued_tokens=1, over_enqueued=how)
    submission = await openai_shop.submission()
    assert (submission.job_id, submission.refusal) == (None, None)
    assert submission.no_place is not None
    assert submission.no_place.reason


async def test_a_model_nobody_there_knows_is_a_refusal(any_shop: Shop) -> None:
    await any_shop.given(said(2))
    any_shop.desk.fault(kind="reject", verb="batches.create", reason="unknown_model")
    refused = (await any_shop.submission()).refusal
    assert refused is not None
    assert refused.code in {"model_not_found", "DeploymentNotFound", "NOT_FOUND"}


async def test_a_file_that_is_taken_in_slowly_is_looked_at_again_and_holds_no_place_meanwhile(
    house: House,
) -> None:
    async with azure(house) as shop:
        shop.desk.rule(file_pending_seconds=30)
        submit = await to_submit(shop)
        first = await looks(shop, submit)
        assert first[-1] == [1, False]
        assert "still 'pending'" in (await shop.waiting_on() or "")
        second = await looks(shop, submit, attempt=2, details=[first[-1]])
        shop.desk.pass_time(40)
        submitted = await shop.run(shop.jobs.submit, submit, attempt=3, details=[second[-1]])
    assert submitted == Submission(job_id=shop.desk.job_ids()[0])
    assert await shop.waiting_on() is None


@pytest.mark.parametrize(
    ("attempt", "details"),
    [
        # A worker was lost, and has sent no heartbeat after the last look.
        (3, [[1, False]]),
        # It has, in the middle of asking.
        (3, []),
        # An attempt before the look may have asked.
        (3, [[2, True]]),
    ],
)
async def test_a_submit_after_one_that_may_have_asked_is_a_repeated_one(
    house: House, attempt: int, details: list[Any]
) -> None:
    async with azure(house) as shop:
        submit = await to_submit(shop)
        shop.desk.pass_time(40)
        submitted = await shop.run(shop.jobs.submit, submit, attempt=attempt, details=details)
        assert submitted == Submission(job_id=shop.desk.job_ids()[0], repeated=True)


async def test_that_an_attempt_may_have_asked_is_remembered_from_look_to_look(house: House) -> None:
    async with azure(house) as shop:
        shop.desk.rule(file_pending_seconds=30)
        submit = await to_submit(shop)
        assert (await looks(shop, submit, attempt=2))[-1] == [2, True]
        assert (await looks(shop, submit, attempt=3, details=[[2, True]]))[-1] == [3, True]


async def test_a_file_that_is_not_taken_in_within_a_while_is_given_up_if_there_are_others(
    house: House,
) -> None:
    async with azure(house) as shop:
        shop.desk.rule(file_pending_seconds=3_600)
        submit = await to_submit(shop)
        await looks(shop, submit, tried_for=READY_WITHIN - timedelta(minutes=1))
        late = READY_WITHIN + timedelta(minutes=1)
        await looks(shop, replace(submit, others=False), tried_for=late)
        refused = (await shop.run(shop.jobs.submit, submit, tried_for=late)).refusal
        assert refused is not None
        assert refused.code == "input_file_not_ready"


async def test_a_file_that_is_gone_is_given_up_after_a_while_in_any_case(
    house: House,
) -> None:
    async with azure(house) as shop:
        submit = replace(await to_submit(shop), file_id="file-that-is-gone", others=False)
        await looks(shop, submit)
        late = READY_WITHIN + timedelta(minutes=1)
        refused = (await shop.run(shop.jobs.submit, submit, tried_for=late)).refusal
        assert refused is not None
        assert refused.code == "input_file_not_ready"


@asynccontextmanager
async def azure(house: House) -> AsyncIterator[Shop]:
    """A shop at a provider that takes its time with files, and a batch that came in."""
    providers = Providers()
    async with opened(AZURE) as desk:
        shop = Shop(house, desk, providers)
        await shop.given(said(2))
        yield shop
    await providers.close()


async def to_submit(shop: Shop) -> SubmitOrder:
    upload = await shop.run(shop.jobs.upload, job_order())
    assert upload.file_id is not None
    return SubmitOrder(job=job_order(), file_id=upload.file_id)


async def looks(shop: Shop, submit: SubmitOrder, **attempt: Any) -> list[Any]:
    """Submit in vain; return what the heartbeats said."""
    beats: list[Any] = []
    with pytest.raises(NotReadyYet):
        await shop.run(shop.jobs.submit, submit, beats=beats, **attempt)
    return [said[0] if said else None for said in beats]


def test_every_step_bears_its_provider_s_name(shop: Shop) -> None:
    verbs = ("upload", "submit", "poll", "cancel", "download", "recall", "clean_up")
    names = [activity._Definition.must_from_callable(step).name for step in shop.jobs.activities]
    assert names == [f"openai.{verb}" for verb in verbs]


async def test_an_input_that_is_gone_is_said_so_of(shop: Shop) -> None:
    await shop.given(said(2))
    await shop.house.storage.delete(file_key(INPUT))
    with pytest.raises(ObjectNotFound):
        await shop.run(shop.jobs.upload, job_order())


async def test_a_bucket_that_is_away_is_waited_for_and_one_that_is_missing_is_a_refusal(
    house: House, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    providers = Providers()
    async with opened(VERTEX) as desk:
        shop = Shop(house, desk, providers)
        await shop.given(said(2))
        with monkeypatch.context() as environ:
            environ.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{unused_tcp_port}")
            with pytest.raises(StorageUnavailable):
                await shop.run(shop.jobs.upload, job_order())
        assert "can't be reached" in (await shop.waiting_on() or "")
        astray = replace(GOOGLE, bucket="nobody-made-it")
        shop.with_(replace(desk.deployment, google=astray))
        upload = await shop.run(shop.jobs.upload, job_order(), attempt=2)
    assert upload.refusal is not None
    assert upload.refusal.code == "bucket_not_found"
    assert await shop.waiting_on() is None
    await providers.close()
