"""The story of a batch, told to the real workflows with time that skips."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError

from activities.payloads import Manifest
from overnight.domain.price import DECLARED, DeclaredPrice, Price, Rates
from overnight.domain.status import BatchStatus, StopReason
from overnight.domain.usage import Counts, TokenKind
from tests.workflows.scripted import Script, routes
from tests.workflows.stage import Stage
from workflows.batch import BatchWorkflow

ONE_SHARD = Manifest(lines=20, shards=(2,), model="m", provider="hosted_vllm", routes=routes("dep_1"))
ALL_STUCK = {(0, 0), (0, 1)}
"""All of ONE_SHARD: the test server chokes on a cancel of an activity that ends at that very moment."""

FIVE_SHARDS = Manifest(
    lines=90, shards=(2, 3, 2, 1, 1), model="m", provider="hosted_vllm", routes=routes("dep_1", "dep_2")
)

PRICE = Price(
    source=DECLARED,
    rates=(Rates(usd={TokenKind.INPUT: Decimal("0.0000001"), TokenKind.OUTPUT: Decimal("0.0000002")}),),
)


async def test_a_batch_goes_through_every_status_to_completed(stage: Stage) -> None:
    script = Script(ONE_SHARD)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        outcome = await handle.result()
    assert script.statuses == [BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING, BatchStatus.COMPLETED]
    assert outcome.counts == Counts(20, 20, 0)
    assert (outcome.output_file_id, outcome.error_file_id) == ("file-out", None)
    last = script.records[-1]
    assert last.model == "m-2026"
    assert last.usage is not None
    assert last.usage.total == 40
    assert script.tidied == 1


async def test_revisions_and_stamps_rise(stage: Stage) -> None:
    script = Script(ONE_SHARD)
    async with stage.playing(script):
        await (await stage.begin(await stage.order())).result()
    revisions = [change.revision for change in script.records]
    assert revisions == sorted(set(revisions))
    stamps = script.records[-1].stamps
    assert stamps.in_progress_at is not None
    assert stamps.finalizing_at is not None
    assert stamps.completed_at is not None
    assert stamps.in_progress_at <= stamps.finalizing_at <= stamps.completed_at


async def test_shards_are_collected_in_input_order_and_deployments_share_the_chunks(stage: Stage) -> None:
    script = Script(FIVE_SHARDS)
    async with stage.playing(script):
        outcome = await (await stage.begin(await stage.order())).result()
    assert outcome.counts.total == 90
    assert len(script.collects[0].shards) == 5
    assert {chunk.deployment for chunk in script.chunks} == {"dep_1", "dep_2"}
    assert Counter((c.shard, c.chunk) for c in script.chunks).most_common(1)[0][1] == 1


async def test_the_default_model_goes_with_every_chunk_and_the_deployments_into_the_picture(
    stage: Stage,
) -> None:
    script = Script(replace(FIVE_SHARDS, default_model="m"))
    async with stage.playing(script):
        await (await stage.begin(await stage.order())).result()
    assert {chunk.default_model for chunk in script.chunks} == {"m"}
    assert script.records[0].deployments == ("dep_1", "dep_2")


async def test_a_store_that_is_down_for_a_while_costs_nothing(stage: Stage) -> None:
    script = Script(ONE_SHARD, chunk_failures=Counter({(0, 1): 6}))
    async with stage.playing(script):
        outcome = await (await stage.begin(await stage.order())).result()
    assert outcome.status is BatchStatus.COMPLETED
    assert outcome.counts == Counts(20, 20, 0)


async def test_an_invalid_input_fails_the_batch_and_sends_nothing(stage: Stage) -> None:
    script = Script(Manifest(problems=3))
    async with stage.playing(script):
        outcome = await (await stage.begin(await stage.order())).result()
    assert outcome.status is BatchStatus.FAILED
    assert script.statuses == [BatchStatus.FAILED]
    assert script.records[0].errors_total == 3
    assert script.records[0].counts == Counts()
    assert script.chunks == []


async def test_a_cancelled_batch_keeps_what_was_answered(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=ALL_STUCK)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.all_stuck.wait()
        await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert outcome.counts == Counts(20, script.answered.total(), 20 - script.answered.total())
    assert outcome.counts.completed > 0
    assert script.seals[0].missing == StopReason.CANCELLED.no_answer
    assert (outcome.output_file_id, outcome.error_file_id) == ("file-out", "file-err")
    assert script.statuses[-2:] == [BatchStatus.CANCELLING, BatchStatus.CANCELLED]


async def test_cancelling_twice_is_cancelling_once(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=ALL_STUCK)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.all_stuck.wait()
        for _ in range(3):
            await handle.signal(BatchWorkflow.cancel)
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert script.statuses.count(BatchStatus.CANCELLING) == 1


async def test_the_uis_own_cancel_takes_the_same_path(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=ALL_STUCK)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.all_stuck.wait()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert script.statuses[-1] is BatchStatus.CANCELLED
    assert script.collects


async def test_a_batch_cancelled_while_its_input_is_read_gives_every_line_an_outcome(stage: Stage) -> None:
    script = Script(ONE_SHARD, ingest_gate=asyncio.Event())
    assert script.ingest_gate is not None
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await script.ingest_started.wait()
        await handle.signal(BatchWorkflow.cancel)
        script.ingest_gate.set()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.CANCELLED
    assert outcome.counts == Counts(20, 0, 20)
    assert script.chunks == []


async def test_what_is_not_done_when_the_window_ends_is_expired(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=ALL_STUCK)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order(window=timedelta(seconds=3)))
        outcome = await handle.result()
    assert outcome.status is BatchStatus.EXPIRED
    assert script.seals[0].missing == StopReason.EXPIRED.no_answer
    assert outcome.counts.completed == script.answered.total()
    assert outcome.counts.done == 20
    assert script.records[-1].stamps.expired_at is not None


async def test_shards_that_never_started_are_sealed_too(stage: Stage) -> None:
    script = Script(FIVE_SHARDS, stuck={(0, 0), (1, 0)})
    async with stage.playing(script):
        handle = await stage.begin(await stage.order(window=timedelta(seconds=3)))
        outcome = await handle.result()
    assert outcome.status is BatchStatus.EXPIRED
    assert sorted(seal.shard for seal in script.seals) == [0, 1, 2, 3, 4]
    assert outcome.counts.done == 90


async def test_a_mistake_of_ours_fails_the_batch_and_says_so(stage: Stage) -> None:
    error = ApplicationError("2 lines have no answer", type="UnansweredLines", non_retryable=True)
    script = Script(ONE_SHARD, seal_error=error)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert script.statuses[-1] is BatchStatus.FAILED
    assert script.records[-1].errors[0].code == "internal_error"


async def test_a_batch_that_is_given_up_says_what_its_answers_have_cost_until_then(stage: Stage) -> None:
    error = ApplicationError("2 lines have no answer", type="UnansweredLines", non_retryable=True)
    two = replace(ONE_SHARD, lines=40, shards=(2, 2))
    script = Script(two, seal_error=error, sealable=1, price=PRICE)
    async with stage.playing(script):
        with pytest.raises(WorkflowFailureError):
            await (await stage.begin(await stage.order())).result()
    last = script.records[-1]
    assert (last.status, last.counts.completed, last.output_file_id) == (BatchStatus.FAILED, 40, None)
    assert last.account is not None
    priced, unknown = last.account.entries
    assert (priced.lines, priced.cost) == (20, 20 * Decimal("0.0000003"))
    assert (unknown.lines, unknown.cost, unknown.reason) == (20, None, "its batch was given up")
    # A sum that lacks an answer would be a wrong one.
    assert (last.cost, last.account.priced) == (None, priced.cost)


async def test_a_shard_cancelled_in_the_ui_does_not_take_its_batch_along(stage: Stage) -> None:
    script = Script(ONE_SHARD, stuck=ALL_STUCK)
    async with stage.playing(script):
        order = await stage.order()
        handle = await stage.begin(order)
        await script.all_stuck.wait()
        await stage.client.get_workflow_handle(f"{order.batch_id}/shard-0000").cancel()
        outcome = await handle.result()
    assert outcome.status is BatchStatus.COMPLETED
    assert outcome.counts.done == 20


async def test_every_shard_is_charged_at_what_was_quoted_for_it(stage: Stage) -> None:
    script = Script(replace(ONE_SHARD, lines=40, shards=(2, 2)), price=PRICE)
    async with stage.playing(script):
        await (await stage.begin(await stage.order())).result()
    assert {order.shard: order.quotes[0].price for order in script.charges} == {0: PRICE, 1: PRICE}
    assert script.quoted == 2
    last = script.records[-1]
    assert last.cost == last.counts.completed * Decimal("0.0000003")
    assert last.account is not None
    (entry,) = last.account.entries
    assert (entry.lines, entry.cost) == (last.counts.completed, last.cost)
    assert last.receipt_file_id == "file-rec"


async def test_a_price_that_nobody_knows_makes_no_cost_of_nothing(stage: Stage) -> None:
    script = Script(ONE_SHARD)
    async with stage.playing(script):
        await (await stage.begin(await stage.order())).result()
    last = script.records[-1]
    assert last.cost is None
    assert last.account is not None
    assert last.account.unpriced_lines == 20
    assert last.account.entries[0].reason == "nobody knows"


async def test_what_an_earlier_version_has_sealed_is_charged_at_its_quote(stage: Stage) -> None:
    priced = replace(ONE_SHARD, price=DeclaredPrice(input=Decimal("0.0000001"), output=Decimal("0.0000002")))
    script = Script(priced, receipted=False)
    async with stage.playing(script):
        await (await stage.begin(await stage.order())).result()
    assert script.charges == []
    assert (script.records[-1].cost, script.records[-1].receipt_file_id) == (Decimal("0.0000060"), None)


async def test_the_status_query_tells_how_far_a_batch_is(stage: Stage) -> None:
    script = Script(ONE_SHARD)
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await handle.result()
        answer = await handle.query(BatchWorkflow.status)
    assert answer.status is BatchStatus.COMPLETED
    assert answer.counts == Counts(20, 20, 0)


async def test_a_batch_that_has_cost_what_it_may_stops_and_says_so(stage: Stage) -> None:
    script = Script(replace(ONE_SHARD, lines=160, shards=(8, 8)), spent_after=1)
    async with stage.playing(script):
        order = replace(await stage.order(), max_cost=Decimal("0.5"))
        outcome = await (await stage.begin(order)).result()
    assert outcome.status is BatchStatus.CANCELLED
    assert all(chunk.max_cost == Decimal("0.5") for chunk in script.chunks)
    assert len(script.chunks) < 16
    assert StopReason.MAX_COST.no_answer in [seal.missing for seal in script.seals]
    last = script.records[-1]
    (warning,) = last.warnings
    assert warning.startswith("It was stopped as it had cost its max_cost of $0.5, or")
    assert last.counts.done == 160
