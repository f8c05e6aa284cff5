"""Shards that have ended while their batch waits for them: a Reset has cut it off from what it had started.

A run that begins in the middle of a story has the start of a shard in its history, but the shard tells its
end to the run that has started it. Temporal knows both, so it is asked on behalf of the batch.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.executions import described

SHARD_LOST = "shard_lost"
WAITED_FOR = "waited_for"
"""The signal that a batch is sent of such a shard, with its workflow's id, and the query for those ids that
it waits for at all: of an end unheard the server goes on to say that it is to come."""

HEARD_WITHIN = timedelta(seconds=5)
"""By then a batch has heard of a shard's end, if it is to hear of it."""

QUERY_TIMEOUT = timedelta(seconds=10)

_log = structlog.stdlib.get_logger(__name__)


async def tell_of_lost_shards(client: Client, batch: WorkflowExecutionDescription) -> None:
    """Tell a batch that runs of the shards that it waits for in vain."""
    shown = batch.raw_description
    if not shown.workflow_extended_info.HasField("last_reset_time") or not shown.pending_children:
        return
    handle = client.get_workflow_handle(batch.id, run_id=batch.run_id)
    # In this order, or one that begins meanwhile would be taken for one that is over.
    for shard in await _waited_for(handle):
        if await _is_over(client, shard):
            _log.warning("shard had ended unheard", batch_id=batch.id, workflow_id=shard)
            await _tell(handle, shard)


async def _is_over(client: Client, shard: str) -> bool:
    workflow = await described(client, shard)
    if workflow is None:
        return True
    return workflow.close_time is not None and datetime.now(UTC) - workflow.close_time > HEARD_WITHIN


async def _waited_for(batch: WorkflowHandle[Any, Any]) -> list[str]:
    try:
        shards: list[str] = await batch.query(WAITED_FOR, result_type=list[str], rpc_timeout=QUERY_TIMEOUT)
    except (RPCError, WorkflowQueryFailedError) as error:
        # Nobody works on it just now; it is looked at again soon.
        _log.warning("batch not asked for its shards", batch_id=batch.id, reason=type(error).__name__)
        return []
    return shards


async def _tell(batch: WorkflowHandle[Any, Any], shard: str) -> None:
    try:
        await batch.signal(SHARD_LOST, shard)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        # It has ended meanwhile.
