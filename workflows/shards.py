"""The shards of a batch: started a few at a time, stopped together."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ChildWorkflowError,
    FailureError,
    TerminatedError,
    WorkflowAlreadyStartedError,
)
from temporalio.workflow import ChildWorkflowHandle

with workflow.unsafe.imports_passed_through():
    from activities.payloads import Manifest, SealedShard, ShardOrder
    from overnight.domain.batch import BatchOrder
    from overnight.domain.status import StopReason
    from workflows import options
    from workflows.shard import ShardWorkflow


class Shards:
    """Runs every shard of a batch as a child workflow, and stops them when the window ends."""

    def __init__(self, order: BatchOrder) -> None:
        self._order = order
        self._running: dict[int, ChildWorkflowHandle[ShardWorkflow, SealedShard]] = {}
        self.stopped: StopReason | None = None
        self.expired = False
        self.total = 0
        self.done = 0

    def stop(self, reason: StopReason) -> None:
        """Have every line that is not answered yet end with `reason`. The first reason stays."""
        self.stopped = self.stopped or reason

    async def run(self, manifest: Manifest) -> list[SealedShard]:
        """Return the shards, sealed, in input order."""
        self.total = len(manifest.shards)
        remaining = self._order.expires_at - workflow.now()
        if remaining <= timedelta(0):
            self.stop(StopReason.EXPIRED)
        stopping = asyncio.create_task(self._stop_when_told(remaining))
        places = asyncio.Semaphore(options.MAX_PARALLEL_SHARDS)
        shards = [asyncio.create_task(self._shard(manifest, shard, places)) for shard in range(self.total)]
        try:
            return await asyncio.gather(*shards)
        finally:
            stopping.cancel()
            # When one fails for good, the others are not to start, or to go on sending, for nothing.
            for shard in shards:
                shard.cancel()

    async def _stop_when_told(self, remaining: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.stopped is not None,
                timeout=remaining,
                timeout_summary="the completion window",
            )
        except TimeoutError:
            self.stop(StopReason.EXPIRED)
        for child in list(self._running.values()):
            await self._pass_on(child)

    async def _shard(self, manifest: Manifest, shard: int, places: asyncio.Semaphore) -> SealedShard:
        async with places:
            try:
                return await self._child(manifest, shard)
            except ChildWorkflowError as failure:
                if not isinstance(failure.cause, TerminatedError):
                    raise
                # As with a batch that somebody terminates: what was answered is kept, the rest is cancelled.
                return await self._child(manifest, shard, stop=StopReason.CANCELLED)
            finally:
                self.done += 1

    async def _child(self, manifest: Manifest, shard: int, *, stop: StopReason | None = None) -> SealedShard:
        child = await self._start(manifest, shard, stop=stop)
        self._running[shard] = child
        try:
            sealed = await child
        finally:
            del self._running[shard]
        self.expired = self.expired or sealed.expired
        return sealed

    async def _start(
        self, manifest: Manifest, shard: int, *, stop: StopReason | None
    ) -> ChildWorkflowHandle[ShardWorkflow, SealedShard]:
        told = self.stopped
        while True:
            try:
                child = await workflow.start_child_workflow(
                    ShardWorkflow.run,
                    self._shard_order(manifest, shard, stop=self.stopped or stop),
                    id=f"{self._order.batch_id}/shard-{shard:04d}",
                    priority=options.WHAT_HAS_BEGUN,
                    static_summary=f"shard {shard + 1} of {self.total}",
                )
                break
            except WorkflowAlreadyStartedError:
                # After a Reset, or a Terminate, the child of the run before may still be closing.
                await workflow.sleep(options.CHILD_ID_WAIT, summary="until the shard's id is free again")
        if self.stopped is not told:
            await self._pass_on(child)
        return child

    def _shard_order(self, manifest: Manifest, shard: int, *, stop: StopReason | None) -> ShardOrder:
        return ShardOrder(
            batch_id=self._order.batch_id,
            shard=shard,
            chunks=manifest.shards[shard],
            input_file_id=self._order.input_file_id,
            endpoint=self._order.endpoint,
            routes=manifest.routes,
            window=self._order.window,
            created_at=self._order.created_at,
            stop=stop,
            default_model=manifest.default_model,
        )

    async def _pass_on(self, child: ChildWorkflowHandle[ShardWorkflow, SealedShard]) -> None:
        if self.stopped is None:
            return
        try:
            await child.signal(ShardWorkflow.stop, self.stopped)
        except FailureError:
            # It has ended meanwhile, which is as good as stopped.
            workflow.logger.debug("a shard ended before it could be stopped")
