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
from temporalio.workflow import ChildWorkflowHandle, ExternalWorkflowHandle

with workflow.unsafe.imports_passed_through():
    from activities.executions import Executions
    from activities.payloads import Manifest, SealedShard, ShardOrder
    from overnight.domain.batch import BatchOrder
    from overnight.domain.deployment import BatchLane
    from overnight.domain.status import StopReason
    from workflows import options
    from workflows.shard import ShardWorkflow

Running = ChildWorkflowHandle[ShardWorkflow, SealedShard] | ExternalWorkflowHandle[ShardWorkflow]
"""A shard as this run has started it, or the run before."""

THE_RUN_BEFORE_IS_TOLD = "the-run-before-is-told"
"""Since then a shard that the run before has left running hears of a stop, and is waited for in one step."""


A_RESET_CUTS_OFF = "a-reset-cuts-off"
"""Since then a run that a Reset has begun in the middle reaches the shards that the run before has started,
and tells the story of one again whose end it can't hear of."""


class ShardLost(Exception):
    """A shard has ended, and this run was not told how."""


class Shards:
    """Runs every shard of a batch as a child workflow, and stops them when the window ends."""

    def __init__(self, order: BatchOrder) -> None:
        self._order = order
        self._running: dict[int, Running] = {}
        self._awaited: set[str] = set()
        self._lost: set[str] = set()
        self.sealed: list[SealedShard] = []
        self.stopped: StopReason | None = None
        self.expired = self._given_up = False
        self.total = 0
        self.done = 0

    def stop(self, reason: StopReason) -> None:
        """Have every line that is not answered yet end with `reason`. The first reason stays."""
        self.stopped = self.stopped or reason

    @property
    def awaited(self) -> list[str]:
        """The shards, by their workflows' ids, of which this run can be told that they are lost."""
        return sorted(self._awaited)

    def lose(self, shard_id: str) -> None:
        """Wait no longer for a shard, by its workflow's id: it has ended."""
        self._lost.add(shard_id)

    async def run(self, manifest: Manifest) -> list[SealedShard]:
        """Return the shards, sealed, in input order."""
        self.total = len(manifest.shards)
        remaining = self._order.expires_at - workflow.now()
        if remaining <= timedelta(0):
            self.stop(StopReason.EXPIRED)
        stopping = asyncio.create_task(self._stop_when_told(remaining))
        places = asyncio.Semaphore(_places(manifest))
        shards = [asyncio.create_task(self._shard(manifest, shard, places)) for shard in range(self.total)]
        try:
            return await asyncio.gather(*shards)
        except FailureError:
            # What the others have at their providers is to be cancelled, not left to run for nothing.
            await self._pass_on_to_all()
            await asyncio.gather(*shards, return_exceptions=True)
            raise
        finally:
            stopping.cancel()

    async def _stop_when_told(self, remaining: timedelta) -> None:
        try:
            await workflow.wait_condition(
                lambda: self.stopped is not None,
                timeout=remaining,
                timeout_summary="the completion window",
            )
        except TimeoutError:
            self.stop(StopReason.EXPIRED)
        await self._pass_on_to_all()

    async def _pass_on_to_all(self) -> None:
        for child in list(self._running.values()):
            await self._pass_on(child)

    async def _shard(self, manifest: Manifest, shard: int, places: asyncio.Semaphore) -> SealedShard:
        async with places:
            if self._given_up:
                raise asyncio.CancelledError
            try:
                return await self._told(manifest, shard)
            except FailureError:
                self._given_up = True
                raise
            finally:
                self.done += 1

    async def _told(self, manifest: Manifest, shard: int) -> SealedShard:
        """Tell a shard's story, and tell it again if it is lost or if somebody terminates it."""
        stop, recall, terminated = None, self._order.again, 0
        while True:
            try:
                return await self._child(manifest, shard, stop=stop, recall=recall)
            except ShardLost:
                recall = True
            except ChildWorkflowError as failure:
                if not isinstance(failure.cause, TerminatedError) or terminated == options.TELLINGS:
                    raise
                if await self._went_with_the_batch(shard):
                    recall = True
                    continue
                # As with a batch that somebody terminates: what was answered is kept, the rest is cancelled.
                terminated += 1
                stop, recall = StopReason.CANCELLED, terminated < options.TELLINGS

    async def _went_with_the_batch(self, shard: int) -> bool:
        """Tell whether a shard was terminated with the run before, which somebody has reset since."""
        if not workflow.patched(A_RESET_CUTS_OFF):
            return False
        return await workflow.execute_activity_method(
            Executions.closed_with_its_parent,
            self._shard_id(shard),
            **options.row("why the shard was terminated"),
        )

    async def _child(
        self, manifest: Manifest, shard: int, *, stop: StopReason | None, recall: bool
    ) -> SealedShard:
        child = await self._start(manifest, shard, stop=stop, recall=recall)
        self._running[shard] = child
        try:
            sealed = await self._heard(child)
        finally:
            del self._running[shard]
        self.sealed.append(sealed)
        self.expired = self.expired or sealed.expired
        if sealed.over_budget:
            self.stop(StopReason.MAX_COST)
        return sealed

    async def _heard(self, child: ChildWorkflowHandle[ShardWorkflow, SealedShard]) -> SealedShard:
        """Return how a shard has ended. Raises ShardLost if only others know."""
        if workflow.patched(A_RESET_CUTS_OFF):
            # What was said before it had begun is of another.
            self._lost.discard(child.id)
            self._awaited.add(child.id)
            await workflow.wait_condition(lambda: child.done() or child.id in self._lost)
            self._awaited.discard(child.id)
            if not child.done():
                raise ShardLost
        return await child

    async def _start(
        self, manifest: Manifest, shard: int, *, stop: StopReason | None, recall: bool
    ) -> ChildWorkflowHandle[ShardWorkflow, SealedShard]:
        told, shard_id = self.stopped, self._shard_id(shard)
        while True:
            try:
                child = await workflow.start_child_workflow(
                    ShardWorkflow.run,
                    self._shard_order(manifest, shard, stop=self.stopped or stop, recall=recall),
                    id=shard_id,
                    priority=options.WHAT_HAS_BEGUN,
                    static_summary=f"shard {shard + 1} of {self.total}",
                )
                break
            except WorkflowAlreadyStartedError:
                await self._until_free(shard, shard_id)
        if self.stopped is not told or self._given_up:
            await self._pass_on(child)
        return child

    async def _until_free(self, shard: int, shard_id: str) -> None:
        """Wait for the shard of the run before: after a Terminate it is closing, after a Reset it runs on.

        What it has at a provider is paid for, so it goes to its end; to an early one if the batch is stopped.
        """
        if not workflow.patched(THE_RUN_BEFORE_IS_TOLD):
            await workflow.sleep(options.CHILD_ID_WAIT, summary="until the shard's id is free again")
            return
        before: ExternalWorkflowHandle[ShardWorkflow] = workflow.get_external_workflow_handle_for(
            ShardWorkflow.run, shard_id
        )
        self._running[shard] = before
        try:
            await self._pass_on(before)
            await workflow.execute_activity_method(
                Executions.until_closed,
                shard_id,
                **options.row("until the shard of the run before has ended"),
            )
        finally:
            del self._running[shard]

    def _shard_id(self, shard: int) -> str:
        return f"{self._order.batch_id}/shard-{shard:04d}"

    def _shard_order(
        self, manifest: Manifest, shard: int, *, stop: StopReason | None, recall: bool
    ) -> ShardOrder:
        return ShardOrder(
            batch_id=self._order.batch_id,
            shard=shard,
            chunks=manifest.shards[shard],
            input_file_id=self._order.input_file_id,
            endpoint=self._order.endpoint,
            routes=manifest.routes,
            window=self._order.window,
            created_at=self._order.created_at,
            model=manifest.model,
            stop=stop,
            recall=recall,
            default_model=manifest.default_model,
            max_cost=self._order.max_cost,
        )

    async def _pass_on(self, child: Running) -> None:
        reason = self.stopped or (StopReason.CANCELLED if self._given_up else None)
        if reason is None:
            return
        if workflow.patched(A_RESET_CUTS_OFF):
            # As one's own child it is not found, if another run has started it.
            child = workflow.get_external_workflow_handle_for(ShardWorkflow.run, child.id)
        try:
            await child.signal(ShardWorkflow.stop, reason)
        except FailureError:
            # It has ended meanwhile, which is as good as stopped.
            workflow.logger.debug("a shard ended before it could be stopped")


def _places(manifest: Manifest) -> int:
    native = any(route.lane is BatchLane.NATIVE for route in manifest.routes)
    return options.MAX_PARALLEL_JOBS if native else options.MAX_PARALLEL_SHARDS
