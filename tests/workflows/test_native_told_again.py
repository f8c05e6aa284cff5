"""A native shard's story that is told again: it goes on where it was, and asks for no second job."""

import asyncio
from dataclasses import replace

from activities.job_payloads import Begun, JobCall, JobOrder, Refusal
from overnight.domain.endpoint import Endpoint
from overnight.domain.job import BegunJob
from overnight.domain.status import BatchStatus
from tests.workflows.scripted_provider import FULL, Fate, RunningJob
from tests.workflows.theatre import ALL_WELL, NATIVE, ONE_SHARD, OTHER, Theatre
from workflows.batch import BatchWorkflow

BOTH = replace(ONE_SHARD, routes=(NATIVE, OTHER))
SECOND = BegunJob(
    batch_id="any", shard=0, number=2, deployment=OTHER.deployment, story="the telling before this"
)
REFUSED = Refusal(code="invalid_api_key", message="dep_other refused the key of OPENAI_API_KEY.")


def asked_for(theatre: Theatre) -> list[tuple[str, int]]:
    return [(order.job.deployment, order.job.number) for order in theatre.provider.submits]


async def test_it_goes_on_with_the_job_that_is_there(theatre: Theatre) -> None:
    script, order = theatre.script(BOTH), await theatre.stage.order()
    theatre.provider.begun = SECOND
    await _running(theatre, batch_id=order.batch_id)
    async with theatre.stage.playing(script):
        await (await theatre.stage.begin(order)).result()
    assert script.statuses == ALL_WELL
    assert theatre.provider.submits == []
    assert [download.job_id for download in theatre.provider.downloads] == ["batch_before"]


async def test_it_goes_where_a_job_was_begun(theatre: Theatre) -> None:
    theatre.provider.begun = SECOND
    script = await theatre.play(BOTH)
    assert script.statuses == ALL_WELL
    assert asked_for(theatre) == [("dep_other", 2)]


async def test_it_goes_where_a_job_is_begun_meanwhile_by_a_telling_that_had_been_given_up(
    theatre: Theatre,
) -> None:
    theatre.provider.begun_at_submit = SECOND
    script = await theatre.play(BOTH)
    assert script.statuses == ALL_WELL
    assert asked_for(theatre) == [("dep_openai", 1), ("dep_other", 2)]
    assert [job.call.job.deployment for job in theatre.provider.jobs.values()] == ["dep_other"]


async def test_where_no_job_is_and_it_is_refused_now_the_next_deployment_is_asked(theatre: Theatre) -> None:
    theatre.provider.begun = SECOND
    theatre.provider.refusals = {"dep_other": REFUSED}
    script = await theatre.play(BOTH)
    assert script.statuses == ALL_WELL
    assert asked_for(theatre) == [("dep_openai", 3)]
    assert theatre.provider.submits[0].begun == Begun(deployment="dep_other", number=2)
    assert script.records[-1].warnings == (REFUSED.message,)


async def test_a_deployment_that_is_no_longer_the_model_s_is_left_alone(theatre: Theatre) -> None:
    theatre.provider.begun = replace(SECOND, deployment="dep_gone")
    script = await theatre.play(BOTH)
    assert script.statuses == ALL_WELL
    assert asked_for(theatre) == [("dep_openai", 1)]


async def test_want_of_room_from_before_shuts_no_deployment(theatre: Theatre) -> None:
    script, order = theatre.script(BOTH), await theatre.stage.order()
    theatre.provider.begun = SECOND
    await _running(theatre, batch_id=order.batch_id, fate=Fate(end=BatchStatus.FAILED, no_place=FULL))
    async with theatre.stage.playing(script):
        await (await theatre.stage.begin(order)).result()
    assert script.statuses == ALL_WELL
    assert [number for _, number in asked_for(theatre)] == [3]
    assert script.notes == []


async def test_want_of_room_now_is_waited_for(theatre: Theatre) -> None:
    theatre.provider.begun = SECOND
    theatre.provider.fates = [Fate(end=BatchStatus.FAILED, no_place=FULL), Fate()]
    script = await theatre.play(replace(ONE_SHARD, routes=(OTHER,)))
    assert script.statuses == ALL_WELL
    assert asked_for(theatre) == [("dep_other", 2), ("dep_other", 3)]
    assert script.notes == [True, False]


async def test_a_stop_that_comes_first_reaches_what_was_begun(theatre: Theatre) -> None:
    script, order = theatre.script(BOTH), await theatre.stage.order()
    script.ingest_gate = asyncio.Event()
    theatre.provider.begun = SECOND
    before = await _running(theatre, batch_id=order.batch_id)
    async with theatre.stage.playing(script):
        handle = await theatre.stage.begin(order)
        await script.ingest_started.wait()
        await handle.signal(BatchWorkflow.cancel)
        script.ingest_gate.set()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert before.cancelled_at is not None
    assert [download.job_id for download in theatre.provider.downloads] == ["batch_before"]
    assert theatre.provider.submits == []


async def _running(theatre: Theatre, *, batch_id: str, fate: Fate = Fate()) -> RunningJob:  # noqa: B008
    """Have the provider have the job that was begun before."""
    now = await theatre.stage.environment.get_current_time()
    begun = JobOrder(
        batch_id=batch_id,
        input_file_id="file-in",
        shard=SECOND.shard,
        number=SECOND.number,
        deployment=SECOND.deployment,
        endpoint=Endpoint.CHAT_COMPLETIONS,
        since=now,
    )
    call = JobCall(job=begun, job_id="batch_before")
    theatre.provider.jobs[call.job_id] = job = RunningJob(call, fate, now)
    return job
