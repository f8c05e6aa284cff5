"""The stories whose histories are recorded: the script of each, and what happens in the middle of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from activities.job_payloads import Refusal
from activities.payloads import Manifest, Route
from overnight.domain.deployment import BatchLane
from overnight.domain.ids import places_id
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.status import BatchStatus
from overnight.domain.usage import TokenKind
from tests.operating import reset, waits_for
from tests.workflows.gate import Gate
from tests.workflows.scripted import Script, routes
from tests.workflows.scripted_provider import FULL, Fate, ScriptedProvider
from tests.workflows.stage import Stage
from workflows.batch import BatchOutcome, BatchWorkflow

ONE_SHARD = Manifest(lines=20, shards=(2,), model="m", provider="hosted_vllm", routes=routes("dep_1"))
BOTH_CHUNKS = {(0, 0), (0, 1)}
MANY_SHARDS = Manifest(
    lines=100, shards=(1, 2, 1, 1, 1, 1, 1, 1, 1), model="m", provider="hosted_vllm", routes=routes("dep_1")
)
NATIVE = Manifest(
    lines=20,
    shards=(2,),
    model="m",
    provider="openai",
    routes=(Route(deployment="dep_1", provider="openai", lane=BatchLane.NATIVE),),
)

PRICE = Price(
    source=DECLARED,
    rates=(
        Rates(usd={TokenKind.INPUT: Decimal("0.00000015"), TokenKind.OUTPUT: Decimal("0.0000006")}),
        Rates(usd={TokenKind.INPUT: Decimal("0.0000003")}, above=200_000),
    ),
)

TOLD = "wh_1"
"""A delivery."""

Handle = WorkflowHandle[BatchWorkflow, BatchOutcome]
Event = Callable[[Script, Handle, Stage], Awaitable[None]]


async def _nothing(_script: Script, _handle: Handle, _stage: Stage) -> None:
    return


async def _take(script: Script, _handle: Handle, _stage: Stage) -> None:
    script.taken.set()


async def _cancel_when_sending(script: Script, handle: Handle, _stage: Stage) -> None:
    await script.all_stuck.wait()
    await handle.signal(BatchWorkflow.cancel)


async def _cancel_in_the_ui(script: Script, handle: Handle, _stage: Stage) -> None:
    await script.all_stuck.wait()
    await handle.cancel()


async def _cancel_when_ingesting(script: Script, handle: Handle, _stage: Stage) -> None:
    assert script.ingest_gate is not None
    await script.ingest_started.wait()
    await handle.signal(BatchWorkflow.cancel)
    script.ingest_gate.set()


async def _cancel_when_children_start(_script: Script, handle: Handle, stage: Stage) -> None:
    assert stage.gate is not None
    await stage.gate.reached.wait()
    await handle.signal(BatchWorkflow.cancel)
    stage.gate.opened.set()


async def _terminate_a_shard(script: Script, handle: Handle, stage: Stage) -> None:
    await script.all_stuck.wait()
    await stage.client.get_workflow_handle(f"{handle.id}/shard-0000").terminate()


async def _reset_and_cancel(script: Script, handle: Handle, stage: Stage) -> None:
    await script.all_stuck.wait()
    await reset(stage.client, handle.id)
    while not await waits_for(stage.client, handle.id, "until_closed"):  # noqa: ASYNC110 - it is elsewhere
        await asyncio.sleep(0.05)
    again: Handle = stage.client.get_workflow_handle(handle.id, result_type=BatchOutcome)
    await again.signal(BatchWorkflow.cancel)
    await again.result()


async def _lose_a_shard(script: Script, handle: Handle, stage: Stage) -> None:
    await script.all_stuck.wait()
    await handle.terminate()
    await reset(stage.client, handle.id, to_the_last=True)
    script.stuck = set()
    again: Handle = stage.client.get_workflow_handle(handle.id, result_type=BatchOutcome)
    await again.signal(BatchWorkflow.shard_lost, f"{handle.id}/shard-0000")
    await again.result()


def _mistake() -> ApplicationError:
    return ApplicationError("2 lines have no answer", type="UnansweredLines", non_retryable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story. `shard` says that its first shard's history is telling too, `gated` that it needs a Gate.

    With `webhook` others are told within it; `event` names an event, and `keeper` a keeper of places, whose
    workflow's history is telling too. `real` is for those that the test server which skips time never ends.
    `max_cost` is the batch's.
    """

    script: Callable[[], Script]
    meanwhile: Event = _nothing
    window: timedelta = timedelta(hours=24)
    max_cost: Decimal | None = None
    shard: bool = False
    webhook: bool = False
    gated: bool = False
    real: bool = False
    event: str = ""
    keeper: str = ""

    async def play(self, stage: Stage, batch_id: str) -> Handle:
        """Play it to its end, however it ends."""
        script = self.script()
        if self.gated:
            stage = Stage(stage.environment, gate=Gate())
        async with stage.playing(script):
            order = await stage.order(window=self.window, batch_id=batch_id)
            handle = await stage.begin(replace(order, max_cost=self.max_cost))
            await self.meanwhile(script, handle, stage)
            with suppress(WorkflowFailureError):
                await handle.result()
            if self.webhook:
                await stage.client.get_workflow_handle(f"{batch_id}/{TOLD}").result()
        return handle


async def _cancel_when_submitting(script: Script, handle: Handle, _stage: Stage) -> None:
    assert script.provider is not None
    assert script.provider.submit_gate is not None
    await script.provider.submitting.wait()
    await handle.signal(BatchWorkflow.cancel)
    await script.cancelling()
    script.provider.submit_gate.set()


async def _told_to_all(script: Script, handle: Handle, _stage: Stage) -> None:
    await handle.result()
    while len(script.events_told) < len(script.sinks) * 4:  # noqa: ASYNC110 - it is elsewhere
        await asyncio.sleep(0.05)


def _native(*fates: Fate, submit_gate: asyncio.Event | None = None, keeps: bool = False) -> Script:
    provider = ScriptedProvider(fates=list(fates), submit_gate=submit_gate, keeps=keeps)
    return Script(NATIVE, provider=provider)


def _slow_and_refused() -> Script:
    script = _native(Fate())
    assert script.provider is not None
    script.provider.slow = {"dep_1"}
    script.provider.refusals = {"dep_2": Refusal(code="invalid_api_key", message="dep_2 refused the key.")}
    (slow,) = NATIVE.routes
    return replace(script, manifest=replace(NATIVE, routes=(slow, replace(slow, deployment="dep_2"))))


STORIES = {
    # The store is down for a while, so that the looks at the progress are in it.
    "completed": Story(script=lambda: Script(ONE_SHARD, chunk_failures=Counter({(0, 1): 6})), shard=True),
    "failed": Story(script=lambda: Script(Manifest(problems=3))),
    "expired": Story(
        script=lambda: Script(ONE_SHARD, stuck=BOTH_CHUNKS), window=timedelta(seconds=3), shard=True
    ),
    "cancelled": Story(
        script=lambda: Script(ONE_SHARD, stuck=BOTH_CHUNKS), meanwhile=_cancel_when_sending, shard=True
    ),
    "cancelled-while-ingesting": Story(
        script=lambda: Script(ONE_SHARD, ingest_gate=asyncio.Event()), meanwhile=_cancel_when_ingesting
    ),
    "cancelled-while-children-start": Story(
        script=lambda: Script(MANY_SHARDS),
        meanwhile=_cancel_when_children_start,
        shard=True,
        gated=True,
        real=True,
    ),
    "cancelled-in-the-ui": Story(
        script=lambda: Script(ONE_SHARD, stuck=BOTH_CHUNKS), meanwhile=_cancel_in_the_ui
    ),
    "many-shards": Story(script=lambda: Script(MANY_SHARDS)),
    "given-up": Story(script=lambda: Script(ONE_SHARD, seal_error=_mistake()), shard=True),
    "shard-terminated": Story(
        script=lambda: Script(ONE_SHARD, stuck=BOTH_CHUNKS), meanwhile=_terminate_a_shard, real=True
    ),
    "reset-and-cancelled": Story(
        script=lambda: Script(ONE_SHARD, stuck=BOTH_CHUNKS), meanwhile=_reset_and_cancel, real=True
    ),
    "reset-and-lost-a-shard": Story(
        script=lambda: Script(ONE_SHARD, stuck=BOTH_CHUNKS), meanwhile=_lose_a_shard, real=True
    ),
    "cancelled-since-resets-cut-off": Story(
        script=lambda: Script(MANY_SHARDS, stuck={(0, 0), (1, 0), (1, 1)}), meanwhile=_cancel_when_sending
    ),
    "others-are-told": Story(
        script=lambda: Script(ONE_SHARD, due=(TOLD, "wh_2")), meanwhile=_take, webhook=True
    ),
    "given-up-and-told": Story(
        script=lambda: Script(ONE_SHARD, seal_error=_mistake(), due=(TOLD,)), meanwhile=_take
    ),
    "given-up-with-an-account": Story(
        script=lambda: Script(
            replace(ONE_SHARD, lines=40, shards=(2, 2)), seal_error=_mistake(), sealable=1, price=PRICE
        )
    ),
    "native": Story(script=lambda: _native(Fate()), shard=True),
    "native-without-room": Story(
        script=lambda: _native(Fate(end=BatchStatus.FAILED, no_place=FULL), Fate()), shard=True
    ),
    "native-without-room-where-nothing-is-deleted": Story(
        script=lambda: _native(Fate(end=BatchStatus.FAILED, no_place=FULL), Fate(), keeps=True),
        shard=True,
        keeper=f"places/{places_id(['dep_1'], model='m')}",
    ),
    "native-slow": Story(script=_slow_and_refused, shard=True),
    "native-cancelled-while-submitting": Story(
        script=lambda: _native(Fate(), submit_gate=asyncio.Event()),
        meanwhile=_cancel_when_submitting,
        shard=True,
    ),
    "native-cancelled-before-it-begins": Story(
        script=lambda: replace(_native(Fate()), ingest_gate=asyncio.Event()),
        meanwhile=_cancel_when_ingesting,
        shard=True,
    ),
    "told-to-sinks": Story(
        script=lambda: Script(ONE_SHARD, chunk_failures=Counter({(0, 1): 6}), sinks=("audit", "otlp")),
        meanwhile=_told_to_all,
        event="acreate_batch",
    ),
    "native-expired": Story(script=lambda: _native(Fate(runs=timedelta(days=2))), shard=True),
    "charged": Story(script=lambda: Script(ONE_SHARD, price=PRICE), shard=True),
    "stopped-at-its-max-cost": Story(
        script=lambda: Script(replace(ONE_SHARD, lines=160, shards=(8, 8)), price=PRICE, spent_after=1),
        max_cost=Decimal("0.5"),
        shard=True,
    ),
}
