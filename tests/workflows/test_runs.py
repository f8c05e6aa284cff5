"""Starting batches: once however often it is asked for, and whatever Temporal's answer was lost."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from overnight.domain.batch import BatchOrder
from overnight.domain.errors import IdempotencyMismatch, TemporalUnavailable
from overnight.domain.ids import new_batch_id
from tests.activities.house import order
from workflows.runs import BatchRuns

LATER = timedelta(minutes=5)


class LosesAnswers(Interceptor):
    """Between a client and Temporal: answers to starts are lost, and the starts with them if so wanted."""

    def __init__(self, *, answers: int, status: RPCStatusCode, arrives: bool = True) -> None:
        self.left = answers
        self.status = status
        self.arrives = arrives
        self.starts = 0

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - Temporal's name
        return _Losing(next, self)


class _Losing(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, fault: LosesAnswers) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self._fault = fault

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002 - Temporal's name
        fault = self._fault
        fault.starts += 1
        if fault.left == 0:
            return await super().start_workflow(input)
        fault.left -= 1
        if fault.arrives:
            await super().start_workflow(input)
        raise RPCError("lost", fault.status, b"")


def behind(fault: LosesAnswers, client: Client) -> Client:
    config = client.config()
    config["interceptors"] = [*config["interceptors"], fault]
    return Client(**config)


@pytest.fixture
async def asked(temporal: WorkflowEnvironment) -> AsyncIterator[BatchOrder]:
    """An order; what was started for it does not outlive the test, or others would work on it."""
    asked = order(new_batch_id(), created_at=datetime.now(UTC), parameters_hash="h")
    yield asked
    with suppress(RPCError):
        await temporal.client.get_workflow_handle(asked.batch_id).terminate()


async def status(client: Client, batch_id: str) -> WorkflowExecutionStatus | None:
    return (await client.get_workflow_handle(batch_id).describe()).status


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("lost", [RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE])
async def test_a_start_whose_answer_is_lost_is_cleared_up_before_the_client_hears_of_it(
    temporal: WorkflowEnvironment, asked: BatchOrder, lost: RPCStatusCode, *, arrives: bool
) -> None:
    fault = LosesAnswers(answers=1, status=lost, arrives=arrives)
    assert await BatchRuns(behind(fault, temporal.client)).start(asked) == asked
    assert await status(temporal.client, asked.batch_id) is WorkflowExecutionStatus.RUNNING
    assert fault.starts == 2


async def test_a_start_that_stays_unclear_is_given_up(
    temporal: WorkflowEnvironment, asked: BatchOrder
) -> None:
    fault = LosesAnswers(answers=1_000, status=RPCStatusCode.UNAVAILABLE, arrives=False)
    runs = BatchRuns(behind(fault, temporal.client), clearing=timedelta(seconds=0.6))
    with pytest.raises(TemporalUnavailable):
        await runs.start(asked)
    assert fault.starts > 1


async def test_a_start_that_is_refused_is_not_asked_for_again(
    temporal: WorkflowEnvironment, asked: BatchOrder
) -> None:
    fault = LosesAnswers(answers=1_000, status=RPCStatusCode.INVALID_ARGUMENT, arrives=False)
    with pytest.raises(TemporalUnavailable):
        await BatchRuns(behind(fault, temporal.client)).start(asked)
    assert fault.starts == 1


async def test_starting_again_tells_when_the_batch_was_created(
    temporal: WorkflowEnvironment, asked: BatchOrder
) -> None:
    runs = BatchRuns(temporal.client)
    again = replace(asked, created_at=asked.created_at + LATER)
    assert [await runs.start(asked), await runs.start(again)] == [asked, asked]


async def test_starting_something_else_under_the_same_id_is_refused(
    temporal: WorkflowEnvironment, asked: BatchOrder
) -> None:
    runs = BatchRuns(temporal.client)
    await runs.start(asked)
    with pytest.raises(IdempotencyMismatch):
        await runs.start(replace(asked, parameters_hash="other"))


async def test_cancelling_what_does_not_run_does_nothing(temporal: WorkflowEnvironment) -> None:
    await BatchRuns(temporal.client).cancel(new_batch_id())


async def test_waking_a_shard_signals_the_workflow_that_follows_its_job(
    temporal: WorkflowEnvironment, asked: BatchOrder
) -> None:
    # On a queue of its own, where nobody runs it.
    name = f"{asked.batch_id}/shard-0000"
    shard = await temporal.client.start_workflow("Shard", id=name, task_queue=name)
    await BatchRuns(temporal.client).wake(name)
    history = await shard.fetch_history()
    await shard.terminate()
    signals = [event.workflow_execution_signaled_event_attributes.signal_name for event in history.events]
    assert "wake" in signals


async def test_waking_a_shard_that_has_ended_does_nothing(
    temporal: WorkflowEnvironment, asked: BatchOrder
) -> None:
    name = f"{asked.batch_id}/shard-0000"
    shard = await temporal.client.start_workflow("Shard", id=name, task_queue=name)
    await shard.terminate()
    await BatchRuns(temporal.client).wake(name)
    await BatchRuns(temporal.client).wake("batch_nowhere/shard-0000")
