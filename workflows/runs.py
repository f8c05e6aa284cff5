"""Starting and cancelling batches: all that a gateway needs of Temporal. None of it waits for a worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from overnight.domain.batch import BatchOrder
from overnight.domain.errors import IdempotencyMismatch, TemporalUnavailable
from overnight.domain.status import BatchStatus
from workflows import queues, search_attributes
from workflows.batch import BatchOutcome, BatchWorkflow

_log = structlog.stdlib.get_logger(__name__)

_HASH = "parameters_hash"
_RPC_TIMEOUT = timedelta(seconds=10)
"""How long a client's request waits for Temporal before it is told that Temporal can't be reached."""


class BatchRuns:
    """The batches' workflows, over one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, order: BatchOrder) -> None:
        """Start the batch's workflow; when this returns, the batch will be seen through.

        Starting the same order again does nothing, whether its workflow runs or has ended. Raises
        IdempotencyMismatch if the id belongs to other parameters, TemporalUnavailable if nobody answers.
        """
        async with _reaching_temporal():
            try:
                await self._start(order, reuse=WorkflowIDReusePolicy.REJECT_DUPLICATE)
            except WorkflowAlreadyStartedError:
                await self._compare(order)

    async def start_again(self, order: BatchOrder, *, cancelled: bool) -> None:
        """Start a batch whose workflow is gone once more; it goes on from its checkpoints.

        With `cancelled` the story begins with a cancel, so that what was answered is delivered and
        nothing more is sent; a workflow of that id that runs is told to cancel. Without, one that runs is
        left alone. Raises TemporalUnavailable.
        """
        async with _reaching_temporal():
            try:
                await self._start(
                    order,
                    reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    signal="cancel" if cancelled else None,
                )
            except WorkflowAlreadyStartedError:
                return

    async def cancel(self, batch_id: str) -> bool:
        """Signal the workflow to cancel; False if there is none that runs."""
        async with _reaching_temporal():
            try:
                await self._handle(batch_id).signal(BatchWorkflow.cancel, rpc_timeout=_RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
            return True

    async def check(self) -> None:
        """Raise TemporalUnavailable unless Temporal answers."""
        async with _reaching_temporal():
            await self._client.service_client.check_health(timeout=_RPC_TIMEOUT)

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
            memo={_HASH: order.parameters_hash},
            search_attributes=attributes,
            static_summary=f"{order.endpoint.value} · {order.input_file_id}",
            start_signal=signal,
            rpc_timeout=_RPC_TIMEOUT,
        )

    async def _compare(self, order: BatchOrder) -> None:
        described = await self._handle(order.batch_id).describe(rpc_timeout=_RPC_TIMEOUT)
        if await described.memo_value(_HASH, default=None) != order.parameters_hash:
            raise IdempotencyMismatch

    def _handle(self, batch_id: str) -> WorkflowHandle[BatchWorkflow, BatchOutcome]:
        return self._client.get_workflow_handle_for(BatchWorkflow.run, batch_id)


@asynccontextmanager
async def _reaching_temporal() -> AsyncIterator[None]:
    try:
        yield
    except RPCError as error:
        # Temporal's own words can name what was asked for, but no content: none is ever sent to it.
        _log.warning("temporal did not do it", status=error.status.name, reason=error.message)
        raise TemporalUnavailable(f"Temporal did not do it: {error.status.name}") from error
    except RuntimeError as error:
        # What the SDK raises when a lazy client's first connection fails.
        raise TemporalUnavailable("Temporal can't be reached") from error
