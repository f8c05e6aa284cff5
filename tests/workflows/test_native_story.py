"""The native lane's story, told to the real workflows with time that skips: a day passes in a second."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio.api.history.v1 import HistoryEvent

from activities.job_payloads import Refusal, Remains
from overnight.domain.batch import BatchError
from overnight.domain.ids import places_id
from overnight.domain.status import RESULT_MISSING, BatchStatus, StopReason
from tests.workflows.scripted_provider import FULL, Fate
from tests.workflows.theatre import ALL_WELL, LINES, NATIVE, ONE_SHARD, OTHER, Theatre
from workflows import options
from workflows.batch import BatchWorkflow

WRONG_KEY = Refusal(code="invalid_api_key", message="dep_openai refused the key of OPENAI_API_KEY.")


async def test_a_job_that_takes_23_hours_completes(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(runs=timedelta(hours=23))]
    script = await theatre.play()
    assert script.statuses == ALL_WELL
    stamps = script.records[-1].stamps
    assert stamps.in_progress_at is not None
    assert stamps.completed_at is not None
    assert stamps.completed_at - stamps.in_progress_at > timedelta(hours=22)
    assert [order.job_id for order in theatre.provider.downloads] == ["batch_0"]
    assert script.seals[0].missing == RESULT_MISSING


async def test_a_provider_that_is_down_for_six_hours_costs_nothing(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(validating=timedelta(0))]
    script = theatre.script()
    async with theatre.stage.playing(script):
        handle = await theatre.stage.begin(await theatre.stage.order())
        await theatre.provider.running.wait()
        now = await theatre.stage.environment.get_current_time()
        theatre.provider.down_until = now + timedelta(hours=6)
        await handle.result()
    assert script.statuses == ALL_WELL
    assert len(theatre.provider.jobs) == 1


async def test_a_job_that_expires_at_its_provider_makes_an_expired_batch(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(end=BatchStatus.EXPIRED)]
    script = await theatre.play()
    assert script.statuses[-1] is BatchStatus.EXPIRED
    assert script.seals[0].missing == StopReason.EXPIRED.no_answer


async def test_the_window_is_kept_where_the_provider_has_none(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(runs=timedelta(days=3))]
    script = await theatre.play()
    assert script.statuses[-1] is BatchStatus.EXPIRED
    assert [order.stopped for order in theatre.provider.downloads] == [StopReason.EXPIRED]
    assert theatre.provider.jobs["batch_0"].cancelled_at is not None


async def test_a_late_cancel_waits_for_the_provider_and_keeps_what_it_finished(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(validating=timedelta(0), runs=timedelta(hours=20))]
    script = theatre.script()
    async with theatre.stage.playing(script):
        handle = await theatre.stage.begin(await theatre.stage.order())
        await theatre.provider.running.wait()
        await theatre.stage.sleep(timedelta(hours=3))
        await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert script.statuses == [BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING, BatchStatus.CANCELLED]
    stamps = script.records[-1].stamps
    assert stamps.cancelling_at is not None
    assert stamps.cancelled_at is not None
    assert stamps.cancelled_at - stamps.cancelling_at >= timedelta(minutes=10)
    assert [order.stopped for order in theatre.provider.downloads] == [StopReason.CANCELLED]


async def test_a_cancel_during_the_submit_cancels_what_was_submitted(theatre: Theatre) -> None:
    theatre.provider.submit_gate = asyncio.Event()
    script = theatre.script()
    async with theatre.stage.playing(script):
        handle = await theatre.stage.begin(await theatre.stage.order())
        await theatre.provider.submitting.wait()
        await handle.signal(BatchWorkflow.cancel)
        await script.cancelling()
        theatre.provider.submit_gate.set()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert [job.cancelled_at is not None for job in theatre.provider.jobs.values()] == [True]


async def test_a_job_that_finds_no_room_waits_its_turn_and_says_why(theatre: Theatre) -> None:
    no_room = Fate(end=BatchStatus.FAILED, no_place=FULL)
    theatre.provider.fates = [no_room, no_room, Fate()]
    script = await theatre.play()
    assert script.statuses == ALL_WELL
    assert [job.call.job.number for job in theatre.provider.jobs.values()] == [1, 2, 3]
    assert script.notes == [True, False, True, False]
    stamps = script.records[-1].stamps
    first = next(iter(theatre.provider.jobs.values()))
    assert stamps.in_progress_at is not None
    assert stamps.in_progress_at - first.created_at > options.FIRST_SHUT


async def test_where_nothing_can_be_deleted_a_job_that_found_no_room_is_tried_again(theatre: Theatre) -> None:
    theatre.provider.keeps = True
    theatre.provider.fates = [Fate(end=BatchStatus.FAILED, no_place=FULL), Fate()]
    script = theatre.script()
    async with theatre.stage.playing(script):
        order = await theatre.stage.order()
        await (await theatre.stage.begin(order)).result()
        clean_up = theatre.stage.client.get_workflow_handle(f"{order.batch_id}/shard-0000/clean-up")
        (started, *_) = [event async for event in clean_up.fetch_history_events()]
        converter = theatre.stage.client.data_converter
        asked = started.workflow_execution_started_event_attributes.input.payloads
        (remains,) = await converter.decode(asked, [tuple[Remains, ...]])
    assert script.statuses == ALL_WELL
    assert [[call.job_id for call in each.jobs] for each in remains] == [["batch_0", "batch_1"]]
    assert [[upload.number for upload in each.uploads] for each in remains] == [[1, 2]]


async def test_a_place_without_room_is_given_back_before_anything_is_deleted(theatre: Theatre) -> None:
    theatre.provider.keeps = True
    theatre.provider.fates = [Fate(validating=timedelta(0), end=BatchStatus.FAILED, no_place=FULL), Fate()]
    script = theatre.script()
    async with theatre.stage.playing(script):
        handle = await theatre.stage.begin(await theatre.stage.order())
        await handle.result()
        shard = theatre.stage.client.get_workflow_handle(f"{handle.id}/shard-0000")
        steps = [step async for event in shard.fetch_history_events() if (step := _step(event))]
    assert steps.index("leave") < steps.index("openai.clean_up")


def _step(event: HistoryEvent) -> str:
    """Return what a shard has asked for with an event: the name of an activity, or of a signal."""
    signal = event.signal_external_workflow_execution_initiated_event_attributes.signal_name
    return signal or event.activity_task_scheduled_event_attributes.activity_type.name


async def test_a_deployment_that_refuses_is_skipped_and_the_reason_kept(theatre: Theatre) -> None:
    theatre.provider.refusals = {"dep_openai": WRONG_KEY}
    script = await theatre.play(replace(ONE_SHARD, routes=(NATIVE, OTHER)))
    assert script.statuses == ALL_WELL
    assert [job.call.job.deployment for job in theatre.provider.jobs.values()] == ["dep_other"]
    assert script.records[-1].warnings == (WRONG_KEY.message,)


async def test_a_batch_that_everybody_refuses_fails_and_says_why(theatre: Theatre) -> None:
    theatre.provider.refusals = {"dep_openai": WRONG_KEY}
    script = await theatre.play()
    assert script.statuses == [BatchStatus.FAILED]
    assert script.records[-1].errors == (BatchError(code=WRONG_KEY.code, message=WRONG_KEY.message),)
    assert script.collects == []


async def test_a_shard_that_every_provider_refuses_is_sent_line_by_line_where_that_can_be(
    theatre: Theatre,
) -> None:
    theatre.provider.refusals = {"dep_openai": WRONG_KEY}
    script = await theatre.play(replace(ONE_SHARD, routes=(NATIVE, LINES)))
    assert script.statuses == ALL_WELL
    assert {chunk.deployment for chunk in script.chunks} == {"dep_lines"}


async def test_a_deployment_that_is_slow_to_take_a_file_in_is_passed_over_for_one_that_is_not(
    theatre: Theatre,
) -> None:
    theatre.provider.slow = {"dep_openai", "dep_other"}
    theatre.provider.refusals = {"dep_other": WRONG_KEY}
    script = await theatre.play(replace(ONE_SHARD, routes=(NATIVE, OTHER)))
    assert script.statuses == ALL_WELL
    asked = [(order.job.deployment, order.job.number, order.others) for order in theatre.provider.submits]
    assert asked == [("dep_openai", 1, True), ("dep_openai", 3, False)]
    assert script.records[-1].warnings == ("the file is still pending", WRONG_KEY.message)


async def test_where_the_only_deployment_is_slow_to_take_a_file_in_it_is_waited_for(theatre: Theatre) -> None:
    theatre.provider.slow = {"dep_openai"}
    script = await theatre.play()
    assert script.statuses == ALL_WELL
    assert [order.others for order in theatre.provider.submits] == [False]
    assert script.records[-1].warnings == ()


async def test_a_shard_whose_provider_is_slow_to_take_it_in_is_sent_line_by_line_where_that_can_be(
    theatre: Theatre,
) -> None:
    theatre.provider.slow = {"dep_openai"}
    script = await theatre.play(replace(ONE_SHARD, routes=(NATIVE, LINES)))
    assert script.statuses == ALL_WELL
    assert {chunk.deployment for chunk in script.chunks} == {"dep_lines"}


async def test_a_refused_shard_is_the_error_of_its_own_lines_alone(theatre: Theatre) -> None:
    bad = Refusal(code="invalid_request", message="no", errors=(BatchError(code="x", message="y", line=7),))
    # At once, since this server stops skipping time when one shard's clean-up ends under another's job.
    at_once = Fate(validating=timedelta(0), runs=timedelta(0))
    theatre.provider.fates = [at_once, replace(at_once, end=BatchStatus.FAILED, refusal=bad)]
    script = await theatre.play(replace(ONE_SHARD, lines=40, shards=(2, 2)))
    assert script.statuses == ALL_WELL
    assert [seal.missing and seal.missing.code for seal in sorted(script.seals, key=lambda s: s.shard)] in (
        [RESULT_MISSING.code, "invalid_request"],
        ["invalid_request", RESULT_MISSING.code],
    )


async def test_what_is_left_at_the_provider_is_cleaned_up_afterwards(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(end=BatchStatus.FAILED, no_place=FULL), Fate()]
    script = theatre.script()
    async with theatre.stage.playing(script):
        order = await theatre.stage.order()
        await (await theatre.stage.begin(order)).result()
        clean_up = theatre.stage.client.get_workflow_handle(f"{order.batch_id}/shard-0000/clean-up")
        await clean_up.result()
    before, after = theatre.provider.cleaned
    assert [[call.job_id for call in remains.jobs] for remains in (before, after)] == [
        ["batch_0"],
        ["batch_1"],
    ]
    assert [upload.number for remains in (before, after) for upload in remains.uploads] == [1, 2]


async def test_a_shard_asks_again_when_whoever_keeps_the_places_was_terminated(theatre: Theatre) -> None:
    theatre.provider.fates = [Fate(validating=timedelta(0), end=BatchStatus.FAILED, no_place=FULL), Fate()]
    script = theatre.script()
    async with theatre.stage.playing(script):
        handle = await theatre.stage.begin(await theatre.stage.order())
        async with asyncio.timeout(60):
            while not script.notes:  # noqa: ASYNC110 - it is noted by an activity
                await asyncio.sleep(0.01)
        keeper = f"places/{places_id([NATIVE.deployment], model='m')}"
        await theatre.stage.client.get_workflow_handle(keeper).terminate()
        await handle.result()
    assert script.statuses == ALL_WELL
