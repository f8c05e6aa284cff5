"""The line lane: a shard's chunks, sent to the deployments that have room for them."""

import asyncio
from collections import deque
from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.lines import Lines
    from activities.payloads import ChunkOrder, Route, ShardOrder
    from workflows import options, queues
    from workflows.stopping import unless_stopped


async def send_lines(order: ShardOrder, routes: tuple[Route, ...], *, stopped: Callable[[], bool]) -> bool:
    """Send every chunk, unless `stopped`; return whether the batch has cost all that it may.

    A deployment takes the next chunk whenever it is through with one. So those that are faster take more,
    and one that is down no more than it has already.
    """
    sending = _Sending(order, stopped)
    takers = [
        asyncio.create_task(sending.take_chunks(route.deployment))
        for _ in range(options.MAX_PARALLEL_CHUNKS)
        for route in routes
    ]
    await unless_stopped(takers, stopped=stopped)
    return sending.over_budget


class _Sending:
    def __init__(self, order: ShardOrder, stopped: Callable[[], bool]) -> None:
        self._order = order
        self._stopped = stopped
        self._waiting = deque(range(order.chunks))
        self._sent = 0
        self.over_budget = False

    async def take_chunks(self, deployment: str) -> None:
        # A chunk that is cancelled returns what it has, so the taker itself hears nothing of the cancel.
        while self._waiting and not self._stopped() and not self.over_budget:
            await self._send(self._waiting.popleft(), deployment)
            self._sent += 1
            workflow.set_current_details(f"{self._sent} of {self._order.chunks} chunks sent")

    async def _send(self, chunk: int, deployment: str) -> None:
        order = self._order
        done = await workflow.execute_activity_method(
            Lines.send_chunk,
            ChunkOrder(
                batch_id=order.batch_id,
                shard=order.shard,
                chunk=chunk,
                input_file_id=order.input_file_id,
                endpoint=order.endpoint,
                deployment=deployment,
                default_model=order.default_model,
                model=order.model,
                max_cost=order.max_cost,
            ),
            task_queue=queues.lines(deployment),
            start_to_close_timeout=order.window + options.CHUNK_MARGIN,
            heartbeat_timeout=options.HEARTBEAT_TIMEOUT,
            retry_policy=options.PATIENTLY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"chunk {chunk + 1} of {order.chunks}",
        )
        self.over_budget = self.over_budget or done.over_budget
