"""The story of one shard: every chunk is sent, then all of it is sealed in input order."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.lines import Lines
    from activities.payloads import ChunkOrder, SealedShard, SealOrder, ShardOrder
    from activities.seal import Seal
    from overnight.domain.status import StopReason
    from workflows import options, queues
    from workflows.stopping import unless_stopped, until_the_end


@workflow.defn(name="Shard")
class ShardWorkflow:
    """Runs one shard of a batch on the line lane. Its id is `<batch id>/shard-<number>`."""

    @workflow.init
    def __init__(self, order: ShardOrder) -> None:
        self._order = order
        self._stop = order.stop
        self._chunks_sent = 0

    @workflow.run
    async def run(self, order: ShardOrder) -> SealedShard:  # noqa: ARG002 - Temporal gives it to init as well
        """Send the shard's lines, and return where their outcomes are, in input order."""
        return await until_the_end(self._story(), on_cancel=lambda: self.stop(StopReason.CANCELLED))

    @workflow.signal(description="Stop sending lines; what is answered is kept.")
    def stop(self, reason: StopReason) -> None:
        """Stop sending lines. The first reason stays."""
        self._stop = self._stop or reason

    async def _story(self) -> SealedShard:
        if self._stop is None:
            await self._send()
        return await self._seal()

    async def _send(self) -> None:
        places = asyncio.Semaphore(options.MAX_PARALLEL_CHUNKS)
        chunks = [asyncio.create_task(self._chunk(chunk, places)) for chunk in range(self._order.chunks)]
        await unless_stopped(chunks, stopped=lambda: self._stop is not None)

    async def _chunk(self, chunk: int, places: asyncio.Semaphore) -> None:
        order = self._order
        deployment = order.deployments[chunk % len(order.deployments)]
        async with places:
            await workflow.execute_activity_method(
                Lines.send_chunk,
                ChunkOrder(
                    batch_id=order.batch_id,
                    shard=order.shard,
                    chunk=chunk,
                    input_file_id=order.input_file_id,
                    endpoint=order.endpoint,
                    deployment=deployment,
                ),
                task_queue=queues.lines(deployment),
                start_to_close_timeout=order.window + options.CHUNK_MARGIN,
                heartbeat_timeout=options.HEARTBEAT_TIMEOUT,
                retry_policy=options.PATIENTLY,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=f"chunk {chunk + 1} of {order.chunks}",
            )
        self._chunks_sent += 1
        workflow.set_current_details(f"{self._chunks_sent} of {order.chunks} chunks sent")

    async def _seal(self) -> SealedShard:
        order = SealOrder(
            batch_id=self._order.batch_id,
            shard=self._order.shard,
            input_file_id=self._order.input_file_id,
            reason=self._stop,
        )
        placed = options.whole_files("put the outcomes in input order")
        return await workflow.execute_activity_method(Seal.seal_shard, order, **placed)
