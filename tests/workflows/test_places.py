"""Who is let in, where, and in what order: the real Places workflow on the time-skipping server."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, Worker

from activities.place_payloads import Grant, Leaving, Narrow, PlacesState, Wish
from overnight.domain import ids
from tests.conftest import skipping_time
from tests.workflows.guest import Guest
from tests.workflows.long_lived import LongHistory, LongLivedPlaces
from tests.workflows.stage import Stage
from workflows import options
from workflows.places import PlacesWorkflow
from workflows.plugin import OvernightPlugin

QUEUE = "places-test"
TOLD = EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED
HEARD = EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED


class House:
    """One keeper of places, and whoever asks it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.client: Client = stage.client
        self.id = f"places/{secrets.token_hex(4)}"
        self.askings = Counter[str]()
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    async def ask(
        self,
        *deployments: str,
        name: str | None = None,
        asked_at: datetime | None = None,
        again: bool = False,
    ) -> str:
        """Ask as a new guest, or as one that is there: for another place, or `again` for the same one."""
        name = name or f"guest-{secrets.token_hex(4)}"
        await self.client.start_workflow(
            Guest.run, id=name, task_queue=QUEUE, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
        )
        self._now += timedelta(seconds=1)
        self.askings[name] += not again
        wish = Wish(
            shard=name,
            deployments=deployments,
            asked_at=asked_at or self._now,
            asking=self.askings[name],
        )
        await self.client.start_workflow(
            PlacesWorkflow.run,
            id=self.id,
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="ask",
            start_signal_args=[wish],
        )
        return name

    async def leave(self, guest: str, **leaving: object) -> None:
        await self.keeper.signal(PlacesWorkflow.leave, Leaving(shard=guest, **leaving))  # type: ignore[arg-type]

    async def state(self) -> PlacesState:
        return await self.keeper.query(PlacesWorkflow.state)

    async def heard(self, guest: str) -> list[Grant]:
        await self.state()
        return await self.client.get_workflow_handle_for(Guest.run, guest).query(Guest.heard)

    async def let_in(self, *deployments: str) -> str:
        """Ask, and wait to be let in."""
        guest = await self.ask(*deployments)
        await self.granted(guest, times=1)
        return guest

    async def granted(self, guest: str, *, times: int) -> list[str]:
        """Return where a guest was let in, once that has happened `times` times."""
        async with asyncio.timeout(60):
            while len(grants := await self.heard(guest)) < times:  # noqa: ASYNC110 - it is told in a workflow
                await asyncio.sleep(0.01)
        return [grant.deployment for grant in grants]

    async def refused(self, guest: str, **leaving: object) -> None:
        """Come back without having found room, and ask again."""
        await self.leave(guest, no_room="full", **leaving)
        await self.ask("a", name=guest)

    async def waits(self, guest: str) -> bool:
        return guest in {wish.shard for wish in (await self.state()).waiting}

    async def pass_time(self, time: timedelta) -> None:
        await self._stage.sleep(time)

    @property
    def keeper(self) -> WorkflowHandle[PlacesWorkflow, None]:
        return self.client.get_workflow_handle_for(PlacesWorkflow.run, self.id)


@asynccontextmanager
async def _open(stage: Stage) -> AsyncIterator[House]:
    house = House(stage)
    async with Worker(stage.client, task_queue=QUEUE, workflows=[PlacesWorkflow, Guest]):
        yield house
        await house.keeper.terminate()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with skipping_time() as environment, _open(Stage(environment)) as house:
        yield house


async def test_all_that_can_be_let_in_are_told_together(house: House) -> None:
    """A thousand shards told one after the other would wait for a thousand round trips."""
    guests = [f"guest-{secrets.token_hex(4)}" for _ in range(5)]
    for name in guests:
        await house.client.start_workflow(Guest.run, id=name, task_queue=QUEUE)
    wishes = tuple(
        Wish(shard=name, deployments=("a",), asked_at=datetime.now(UTC), asking=1) for name in guests
    )
    state = PlacesState(waiting=wishes)
    await house.client.start_workflow(PlacesWorkflow.run, state, id=house.id, task_queue=QUEUE)
    for name in guests:
        await house.granted(name, times=1)
    kinds = [event.event_type async for event in house.keeper.fetch_history_events()]
    told, heard = (kinds.index(kind) for kind in (TOLD, HEARD))
    assert kinds[told : told + len(guests)] == [TOLD] * len(guests)
    assert told < heard


async def test_everyone_is_let_in_at_once_where_the_fewest_are(house: House) -> None:
    guests = [await house.let_in("a", "b") for _ in range(4)]
    assert [await house.granted(guest, times=1) for guest in guests] == [["a"], ["b"], ["a"], ["b"]]


async def test_one_that_finds_no_room_is_told_why_and_keeps_its_turn(house: House) -> None:
    running, refused, later = await house.let_in("a"), await house.let_in("a"), await house.let_in("a")
    for guest, day in ((later, 2), (refused, 1)):
        await house.leave(guest, no_room="2,000,000 enqueued tokens")
        await house.ask("a", name=guest, asked_at=datetime(2026, 1, day, tzinfo=UTC))
    assert await house.waits(refused)
    assert await house.keeper.query(PlacesWorkflow.why_not, ["a"]) == "2,000,000 enqueued tokens"
    await house.leave(running)
    await house.granted(refused, times=2)
    assert await house.waits(later)


async def test_after_a_trial_that_went_well_the_next_one_tries(house: House) -> None:
    running, first, second = await house.let_in("a"), await house.let_in("a"), await house.let_in("a")
    await house.refused(first)
    await house.refused(second)
    await house.leave(running)
    await house.granted(first, times=2)
    assert await house.waits(second)
    await house.keeper.signal(PlacesWorkflow.settled, first)
    await house.granted(second, times=2)


async def test_one_of_before_that_finds_no_room_does_not_end_the_trial_of_another(house: House) -> None:
    running, first, second, late = [await house.let_in("a") for _ in range(4)]
    await house.refused(first)
    await house.refused(second)
    await house.leave(running)
    await house.granted(first, times=2)
    await house.refused(late)
    await house.keeper.signal(PlacesWorkflow.settled, first)
    await house.granted(second, times=2)
    assert await house.waits(late)


async def test_one_that_asks_anew_in_the_middle_of_its_trial_does_not_wait_for_itself(house: House) -> None:
    running, first, second = await house.let_in("a"), await house.let_in("a"), await house.let_in("a")
    await house.refused(first)
    await house.refused(second)
    await house.leave(running)
    await house.granted(first, times=2)
    await house.ask("a", name=first)
    await house.granted(first, times=3)
    assert await house.waits(second)


async def test_without_a_job_that_ends_time_opens_the_deployment_again(house: House) -> None:
    guest = await house.let_in("a")
    await house.refused(guest)
    await house.pass_time(options.FIRST_SHUT - timedelta(seconds=30))
    assert await house.waits(guest)
    await house.pass_time(timedelta(minutes=1))
    await house.granted(guest, times=2)


async def test_a_provider_that_says_when_to_come_back_is_heeded(house: House) -> None:
    guest = await house.let_in("a")
    await house.refused(guest, retry_after=timedelta(hours=2))
    await house.pass_time(timedelta(hours=1, minutes=50))
    assert await house.waits(guest)
    await house.pass_time(timedelta(minutes=20))
    await house.granted(guest, times=2)


async def test_one_that_is_full_does_not_hold_up_another(house: House) -> None:
    guest = await house.let_in("a", "b")
    await house.leave(guest, no_room="full")
    await house.ask("a", "b", name=guest)
    assert await house.granted(guest, times=2) == ["a", "b"]


async def test_a_guest_that_is_gone_holds_up_nobody(house: House) -> None:
    running, gone, waiting = await house.let_in("a"), await house.let_in("a"), await house.let_in("a")
    await house.refused(gone)
    await house.refused(waiting)
    await house.client.get_workflow_handle(gone).terminate()
    await house.leave(running)
    await house.granted(waiting, times=2)


async def test_one_that_asks_again_is_given_the_same_place_and_no_second_one(house: House) -> None:
    guest = await house.let_in("a", "b")
    await house.ask("a", "b", name=guest, again=True)
    assert await house.granted(guest, times=2) == ["a", "a"]
    assert set((await house.state()).holders) == {guest}


async def test_a_keeper_that_was_terminated_comes_back_when_asked(house: House) -> None:
    await house.let_in("a")
    await house.keeper.terminate()
    await house.let_in("a")


NOW = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
ALL_OF_IT = PlacesState(
    waiting=(
        Wish(shard="first", deployments=("a", "b"), asked_at=NOW, asking=3),
        Wish(shard="second", deployments=("b",), asked_at=NOW + timedelta(seconds=1), asking=1),
        Wish(shard="third", deployments=("b",), asked_at=NOW + timedelta(seconds=2), asking=1),
    ),
    holders={
        "trying": Grant(deployment="a", asking=2, trial=True),
        "running": Grant(deployment="a", asking=1),
        "elsewhere": Grant(deployment="b", asking=7),
    },
    narrow={"a": Narrow(reason="full", until=NOW, pause=options.FIRST_SHUT, trial="trying")},
)


def as_sent(state: PlacesState) -> bytes:
    (payload,) = pydantic_data_converter.payload_converter.to_payloads([state])
    return payload.data


def test_what_is_handed_on_in_short_says_all_of_it() -> None:
    converter = pydantic_data_converter.payload_converter
    handed_on: tuple[PlacesState] = converter.from_payloads(
        converter.to_payloads([ALL_OF_IT.in_short()]), [PlacesState]
    )
    assert handed_on[0].in_full() == ALL_OF_IT
    assert ALL_OF_IT.in_full() == ALL_OF_IT


def test_what_is_handed_on_does_not_grow_with_those_who_wait_or_have_a_place() -> None:
    """Temporal takes no payload of 2 MiB, and warns of one of 512 KiB."""
    shards = [f"{ids.new_batch_id()}/shard-0000" for _ in range(15_000)]
    deployments = tuple(ids.deployment_id("openai", name) for name in ("one", "other"))
    keeper = PlacesWorkflow(
        PlacesState(
            waiting=tuple(
                Wish(shard=shard, deployments=deployments, asked_at=NOW, asking=1)
                for shard in shards[10_000:]
            ),
            holders={
                shard: Grant(deployment=deployments[number % 2], asking=1)
                for number, shard in enumerate(shards[:10_000])
            },
        )
    )
    handed_on = keeper.state().in_short()
    assert len(as_sent(handed_on)) < 400 * 2**10
    kept = handed_on.in_full()
    assert set(kept.holders) == set(shards[5_000:10_000])
    assert len(kept.waiting) == options.WISHES_CARRIED


def as_before() -> bytes:
    """Return what an earlier version has handed on."""
    return (
        b'{"waiting":[],"holders":{"running":{"deployment":"a","asking":2,"trial":false}},'
        b'"narrow":{"a":{"reason":"full","until":"2026-01-01T12:30:00.123456Z","pause":"PT5M","trial":null}}}'
    )


def test_what_an_earlier_version_has_handed_on_is_understood() -> None:
    converter = pydantic_data_converter.payload_converter
    (payload,) = converter.to_payloads([PlacesState()])
    payload.data = as_before()
    (state,) = converter.from_payloads([payload], [PlacesState])
    keeper = PlacesWorkflow(state)
    assert keeper.state() == PlacesState(
        holders={"running": Grant(deployment="a", asking=2)},
        narrow={"a": Narrow(reason="full", until=NOW, pause=options.FIRST_SHUT)},
    )


async def test_one_that_asks_again_just_before_the_next_run_is_answered(stage: Stage) -> None:
    queue, client = f"places-{secrets.token_hex(4)}", stage.client
    has, wants = f"guest-{secrets.token_hex(4)}", f"guest-{secrets.token_hex(4)}"
    state = PlacesState(
        waiting=(Wish(shard=wants, deployments=("a",), asked_at=NOW, asking=1),),
        holders={has: Grant(deployment="a", asking=4)},
    )
    async with Worker(
        client, task_queue=queue, workflows=[LongLivedPlaces, Guest], interceptors=[LongHistory()]
    ):
        guests = [await client.start_workflow(Guest.run, id=name, task_queue=queue) for name in (has, wants)]
        first = await client.start_workflow(LongLivedPlaces.run, state, id=queue, task_queue=queue)
        keeper = client.get_workflow_handle_for(LongLivedPlaces.run, queue)
        async with asyncio.timeout(60):
            while (await keeper.describe()).run_id == first.first_execution_run_id:  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(0.01)
        heard = [await guest.query(Guest.heard) for guest in guests]
        known = await keeper.query(LongLivedPlaces.state)
        await Replayer(workflows=[LongLivedPlaces], plugins=[OvernightPlugin()]).replay_workflow(
            await keeper.fetch_history()
        )
        await keeper.terminate()
        for guest in guests:
            await guest.terminate()
    assert heard == [[Grant(deployment="a", asking=4)], [Grant(deployment="a", asking=1)]]
    assert known == PlacesState(
        holders={name: Grant(deployment="a", asking=asking) for name, asking in ((has, 4), (wants, 1))}
    )
