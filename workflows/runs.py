"""Starting, cancelling and waking batches: all that a gateway needs of Temporal. It waits for no worker."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.event_payloads import Telling
from overnight.domain.batch import BatchOrder
from overnight.domain.errors import IdempotencyMismatch, TemporalUnavailable
from overnight.domain.status import BatchStatus
from workflows import options, queues, search_attributes
from workflows.batch import BatchOutcome, BatchWorkflow
from workflows.events import EventWorkflow, event_workflow_id
from workflows.namespace import Namespace
from workflows.shard import ShardWorkflow
from workflows.unreachable import why_unreachable

_log = structlog.stdlib.get_logger(__name__)

_HASH = "parameters_hash"
_CREATED_AT = "created_at"
_RPC_TIMEOUT = timedelta(seconds=10)
"""How long a client's request waits for Temporal before it is told that Temporal can't be reached."""

_UNCLEAR = (
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
)
"""After these a workflow may have been started all the same."""

_CLEARING = timedelta(seconds=10)
_PAUSE = timedelta(seconds=0.5)


class BatchRuns:
    """The batches' workflows, over one client. `clearing` is how long a start that is unclear is repeated."""

    def __init__(self, client: Client, *, clearing: timedelta = _CLEARING) -> None:
        self._client = client
        self._clearing = clearing
        self._namespace = Namespace(client)

    async def start(self, order: BatchOrder) -> BatchOrder:
        """Start the batch's workflow; when this returns, the batch will be seen through.

        Starting the same order again does nothing, whether its workflow runs or has ended. Returns the
        order that it was started with, which was created when the first of them was. Raises
        IdempotencyMismatch if the id belongs to other parameters, TemporalUnavailable if nobody answers.
        """
        async with _reaching_temporal():
            give_up_at: float | None = None
            while True:
                try:
                    return await self._start_once(order)
                except RPCError as error:
                    # Asked for again under the same id, it is either started now or known to have been.
                    give_up_at = give_up_at or _moment() + self._clearing.total_seconds()
                    if error.status not in _UNCLEAR or _moment() >= give_up_at:
                        raise
                    await asyncio.sleep(_PAUSE.total_seconds())

    async def start_again(self, order: BatchOrder, *, cancelled: bool) -> None:
        """Start a batch whose workflow is gone once more; it goes on from its checkpoints.

        With `cancelled` the story begins with a cancel, so that what was answered is delivered and
        nothing more is sent; a workflow of that id that runs is told to cancel. Without, one that runs is
        left alone. Raises TemporalUnavailable.
        """
        async with _reaching_temporal():
            try:
                await self._start(
                    replace(order, again=True),
                    reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    signal="cancel" if cancelled else None,
                )
            except WorkflowAlreadyStartedError:
                return

    async def cancel(self, batch_id: str) -> None:
        """Signal the workflow to cancel, if there is one that runs. Raises TemporalUnavailable."""
        async with _reaching_temporal():
            with _unless_over():
                await self._handle(batch_id).signal(BatchWorkflow.cancel, rpc_timeout=_RPC_TIMEOUT)

    async def tell(self, telling: Telling) -> None:
        """Hand over an event of a batch that has no workflow (any more). Raises TemporalUnavailable."""
        async with _reaching_temporal():
            try:
                await self._client.start_workflow(
                    EventWorkflow.run,
                    telling,
                    id=event_workflow_id(telling.occurrence),
                    task_queue=queues.BATCHES,
                    priority=options.WHAT_CAN_WAIT,
                    rpc_timeout=_RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError:
                return

    async def wake(self, workflow_id: str) -> None:
        """Have a shard's workflow look at its job now, if it still runs. Raises TemporalUnavailable."""
        async with _reaching_temporal():
            with _unless_over():
                shard = self._client.get_workflow_handle(workflow_id)
                await shard.signal(ShardWorkflow.wake, rpc_timeout=_RPC_TIMEOUT)

    async def check(self) -> None:
        """Raise TemporalUnavailable unless Temporal answers and has what batches need."""
        # Who asks again and again writes to the log what has changed.
        async with _reaching_temporal(level=logging.DEBUG):
            await self._client.service_client.check_health(timeout=_RPC_TIMEOUT)
        await self._namespace.require_ready()

    async def _start_once(self, order: BatchOrder) -> BatchOrder:
        try:
            await self._start(order, reuse=WorkflowIDReusePolicy.REJECT_DUPLICATE)
        except WorkflowAlreadyStartedError:
            return await self._started(order)
        return order

    async def _start(
        self, order: BatchOrder, *, reuse: WorkflowIDReusePolicy, signal: str | None = None
    ) -> None:
        attributes = search_attributes.at_start(project=order.project, status=BatchStatus.VALIDATING.value)
        await self._client.start_workflow(
            BatchWorkflow.run,
            order,
            id=order.batch_id,
            task_queue=queues.BATCHES,
            id_reuse_policy=reuse,
            # Temporal refuses to fail on a conflict where there is a signal to deliver.
            id_conflict_policy=(
                WorkflowIDConflictPolicy.USE_EXISTING if signal else WorkflowIDConflictPolicy.FAIL
            ),
            memo={_HASH: order.parameters_hash, _CREATED_AT: order.created_at},
            search_attributes=attributes,
            static_summary=f"{order.endpoint.value} · {order.input_file_id}",
            start_signal=signal,
            rpc_timeout=_RPC_TIMEOUT,
        )

    async def _started(self, order: BatchOrder) -> BatchOrder:
        """Return the order that the workflow of this id was started with, which must want the same."""
        described = await self._handle(order.batch_id).describe(rpc_timeout=_RPC_TIMEOUT)
        if await described.memo_value(_HASH, default=None) != order.parameters_hash:
            raise IdempotencyMismatch
        created_at = await described.memo_value(_CREATED_AT, order.created_at, type_hint=datetime)
        return replace(order, created_at=created_at)

    def _handle(self, batch_id: str) -> WorkflowHandle[BatchWorkflow, BatchOutcome]:
        return self._client.get_workflow_handle_for(BatchWorkflow.run, batch_id)


@asynccontextmanager
async def _reaching_temporal(*, level: int = logging.WARNING) -> AsyncIterator[None]:
    try:
        yield
    except RPCError as error:
        # Temporal's own words can name what was asked for, but no content: none is ever sent to it.
        _log.log(level, "temporal did not do it", status=error.status.name, reason=error.message)
        raise TemporalUnavailable(f"Temporal did not do it: {error.status.name}") from error
    except RuntimeError as error:
        # What the SDK raises when a lazy client's first connection fails.
        raise TemporalUnavailable(f"Temporal can't be reached: {why_unreachable(error)}") from error


@contextmanager
def _unless_over() -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        # A workflow that has ended needs no signal any more.
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _moment() -> float:
    return asyncio.get_running_loop().time()
