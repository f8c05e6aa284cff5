"""How a shard's wish for a place is heard, and what is said of it."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Worker

from activities.begun import BegunJobs
from activities.job_payloads import Begun
from activities.place_payloads import Asking, Grant, Narrow, PlacesState, ShardRef, WaitingNote, Wish
from activities.places import Places
from overnight.domain.job import BegunJob
from tests.activities.house import BATCH, NOW, House, order
from workflows.places import PlacesWorkflow

SHARD = f"{BATCH}/shard-0000"


@pytest.fixture
def client(temporal: WorkflowEnvironment) -> Client:
    return temporal.client


@pytest.fixture
def steps(house: House, client: Client) -> Places:
    return Places(catalog=house.catalog, begun=BegunJobs(house.catalog), client=client)


def asking(*deployments: str, queue: str, seconds: int = 0) -> Asking:
    wish = Wish(
        shard=SHARD, deployments=deployments or ("a",), asked_at=NOW + timedelta(seconds=seconds), asking=1
    )
    return Asking(places=f"places/{queue}", task_queue=queue, wish=wish)


async def ask(steps: Places, asking: Asking) -> Begun | None:
    return await ActivityEnvironment().run(steps.ask_for_place, asking)


def keeper(client: Client, asking: Asking) -> WorkflowHandle[PlacesWorkflow, None]:
    return client.get_workflow_handle_for(PlacesWorkflow.run, asking.places)


async def test_a_wish_is_heard_by_a_keeper_that_is_there_once_it_is_needed(
    steps: Places, client: Client
) -> None:
    wanted = asking("a", "b", queue=secrets.token_hex(8))
    async with Worker(client, task_queue=wanted.task_queue, workflows=[PlacesWorkflow]):
        await ask(steps, wanted)
        state = await keeper(client, wanted).query(PlacesWorkflow.state)
        assert known(state) == {SHARD}
        await keeper(client, wanted).terminate()


async def test_a_wish_that_is_repeated_is_one_wish_at_one_keeper(steps: Places, client: Client) -> None:
    wanted = asking("a", queue=secrets.token_hex(8))
    for _ in range(3):
        await ask(steps, wanted)
    first = (await keeper(client, wanted).describe()).run_id
    async with Worker(client, task_queue=wanted.task_queue, workflows=[PlacesWorkflow]):
        state = await keeper(client, wanted).query(PlacesWorkflow.state)
        assert (len(state.waiting) + len(state.holders), known(state)) == (1, {SHARD})
    assert (await keeper(client, wanted).describe()).run_id == first
    await keeper(client, wanted).terminate()


async def test_after_a_keeper_is_gone_another_hears_the_next_wish(steps: Places, client: Client) -> None:
    wanted = asking("a", queue=secrets.token_hex(8))
    await ask(steps, wanted)
    first = (await keeper(client, wanted).describe()).run_id
    await keeper(client, wanted).terminate()
    await ask(steps, wanted)
    assert (await keeper(client, wanted).describe()).run_id != first
    await keeper(client, wanted).terminate()


def known(state: PlacesState) -> set[str]:
    return {wish.shard for wish in state.waiting} | set(state.holders)


def note(*, places: str = "places/nobody", shard: int = 0, over: bool = False) -> WaitingNote:
    return WaitingNote(batch_id=BATCH, shard=shard, places=places, deployments=("a",), over=over)


async def test_why_a_shard_waits_is_told_until_it_does_not(
    steps: Places, house: House, client: Client
) -> None:
    await house.catalog.add_batch(order())
    queue = secrets.token_hex(8)
    full = Narrow(reason="Enqueued token limit reached for m.", until=NOW, pause=timedelta(minutes=5))
    state = PlacesState(holders={"another": Grant(deployment="a", asking=1)}, narrow={"a": full})
    async with Worker(client, task_queue=queue, workflows=[PlacesWorkflow]):
        keeper = await client.start_workflow(
            PlacesWorkflow.run, state, id=f"places/{queue}", task_queue=queue
        )
        await ActivityEnvironment().run(steps.note_waiting, note(places=keeper.id))
        assert (await house.catalog.batch(BATCH)).waiting_on == full.reason
        await keeper.terminate()
    await ActivityEnvironment().run(steps.note_waiting, note(over=True))
    assert (await house.catalog.batch(BATCH)).waiting_on is None


async def test_a_keeper_that_can_not_say_why_delays_nobody(steps: Places, house: House) -> None:
    await house.catalog.add_batch(order())
    await ActivityEnvironment().run(steps.note_waiting, note())
    assert (await house.catalog.batch(BATCH)).waiting_on == "its turn at the provider"


async def test_a_shard_that_goes_on_does_not_speak_for_another(steps: Places, house: House) -> None:
    await house.catalog.add_batch(order())
    for shard in (0, 1):
        await ActivityEnvironment().run(steps.note_waiting, note(shard=shard))
    await ActivityEnvironment().run(steps.note_waiting, note(shard=1, over=True))
    assert (await house.catalog.batch(BATCH)).waiting_on == "its turn at the provider"


async def test_a_shard_that_had_begun_before_wishes_for_nothing_but_the_same_deployment(
    steps: Places, house: House, client: Client
) -> None:
    wanted = asking("a", "b", queue=secrets.token_hex(8))
    wanted = replace(wanted, shard=ShardRef(batch_id=BATCH, shard=0))
    elsewhere = replace(wanted, wish=replace(wanted.wish, deployments=("a", "c"), asking=2))
    begun = BegunJob(batch_id=BATCH, shard=0, number=3, deployment="b", story="another")
    await house.catalog.begin_job(begun)
    for each in (wanted, elsewhere):
        assert await ask(steps, each) == Begun(deployment="b", number=3)
    assert [wish.deployments for wish in await heard(client, wanted)] == [("b",), ("a", "c")]
    await keeper(client, wanted).terminate()


async def heard(client: Client, asking: Asking) -> list[Wish]:
    """Return the wishes that a keeper was sent."""
    history = await keeper(client, asking).fetch_history()
    signals = (
        event.workflow_execution_signaled_event_attributes
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    )
    decode = client.data_converter.decode
    return [wish for each in signals for wish in await decode(each.input.payloads, [Wish])]
