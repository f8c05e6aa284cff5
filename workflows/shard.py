"""The story of one shard: it is run in one lane or the other, put in input order, and charged for."""

from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.charging import Charging
    from activities.payloads import ChargeOrder, QuoteOrder, SealedShard, SealOrder, ShardOrder
    from activities.place_payloads import GRANTED, Grant
    from activities.seal import Seal
    from overnight.domain.deployment import BatchLane
    from overnight.domain.status import RESULT_MISSING, NoAnswer, StopReason
    from workflows import options
    from workflows.cleaning import CleanUpWorkflow
    from workflows.lines import send_lines
    from workflows.native import Ending, NativeLane
    from workflows.stopping import until_the_end

SHARD_RUNS = "shard_runs"
"""What a batch hears from its shards, once a provider works on one."""


@workflow.defn(name="Shard")
class ShardWorkflow:
    """Runs one shard of a batch. Its id is `<batch id>/shard-<number>`."""

    @workflow.init
    def __init__(self, order: ShardOrder) -> None:
        self._order = order
        self._stop = order.stop
        self._native = tuple(route for route in order.routes if route.lane is BatchLane.NATIVE)
        self._lines = tuple(route for route in order.routes if route.lane is BatchLane.LINES)
        self._may_be_missing = RESULT_MISSING if self._native else None
        self._lane = NativeLane(order, self._native, on_running=self._tell_batch, is_last=not self._lines)

    @workflow.run
    async def run(self, order: ShardOrder) -> SealedShard:  # noqa: ARG002 - Temporal gives it to init as well
        """Run the shard, and return where its lines' outcomes are, in input order."""
        return await until_the_end(self._story(), on_cancel=lambda: self.stop(StopReason.CANCELLED))

    @workflow.signal(description="Stop; what is answered is kept.")
    def stop(self, reason: StopReason) -> None:
        """Go no further. The first reason stays."""
        self._stop = self._stop or reason
        self._lane.stop(reason)

    @workflow.signal(name=GRANTED, description="There is a place for the shard's job.")
    def granted(self, grant: Grant) -> None:
        """Go on to submit."""
        self._lane.place.granted(grant)

    @workflow.signal(description="The provider has news of the shard's job.")
    def wake(self) -> None:
        """Look at the job now."""
        self._lane.wake()

    async def _story(self) -> SealedShard:
        try:
            ending = await self._run()
            sealed = await self._charge(await self._seal(self._missing(ending)))
        except FailureError:
            # It can't go on, but what it has at a provider would.
            await self._let_go()
            raise
        await self._let_go()
        return replace(_as_told(sealed, ending), over_budget=self._stop is StopReason.MAX_COST)

    async def _let_go(self) -> None:
        await self._lane.place.leave()
        await self._clean_up()

    async def _run(self) -> Ending:
        ending = Ending()
        if self._native:
            ending = await self._lane.run()
        if self._lines and self._stop is None and (ending.refusal or not self._native):
            refused = (ending.refusal.message,) if ending.refusal else ()
            ending = Ending(warnings=(*ending.warnings, *refused))
            if refused:
                await self._tell_batch()
            self._may_be_missing = None
            if await send_lines(self._order, self._lines, stopped=lambda: self._stop is not None):
                self.stop(StopReason.MAX_COST)
        return ending

    def _missing(self, ending: Ending) -> NoAnswer | None:
        """Return what is said of a line without an outcome; None if there can't be one."""
        if self._stop is not None:
            return self._stop.no_answer
        if ending.refusal is not None:
            return NoAnswer(ending.refusal.code, ending.refusal.message)
        if ending.expired:
            return StopReason.EXPIRED.no_answer
        return self._may_be_missing

    async def _seal(self, missing: NoAnswer | None) -> SealedShard:
        order = SealOrder(
            batch_id=self._order.batch_id,
            shard=self._order.shard,
            input_file_id=self._order.input_file_id,
            missing=missing,
        )
        placed = options.whole_files("put the outcomes in input order")
        return await workflow.execute_activity_method(Seal.seal_shard, order, **placed)

    async def _charge(self, sealed: SealedShard) -> SealedShard:
        if not sealed.receipted:
            return sealed
        quotes = await workflow.execute_local_activity_method(
            Charging.quote,
            QuoteOrder(served=sealed.served, at=workflow.now()),
            **options.by_heart("what its answers are charged at"),
        )
        order = ChargeOrder(
            batch_id=self._order.batch_id,
            shard=self._order.shard,
            sealed_by=sealed.attempt,
            quotes=tuple(quotes),
        )
        charged = await workflow.execute_activity_method(
            Charging.charge_shard, order, **options.whole_files("charge line by line")
        )
        return replace(sealed, charged=charged)

    async def _clean_up(self) -> None:
        remains = self._lane.remains
        if not remains:
            return
        try:
            await workflow.start_child_workflow(
                CleanUpWorkflow.run,
                remains,
                id=f"{workflow.info().workflow_id}/clean-up",
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                execution_timeout=options.CLEAN_UP_TIMEOUT,
                priority=options.WHAT_CAN_WAIT,
                static_summary="delete what is left of the shard at its providers",
            )
        except WorkflowAlreadyStartedError:
            # The shard's story is told again, and the clean-up of the first time still runs.
            workflow.logger.debug("already cleaning up")

    async def _tell_batch(self) -> None:
        parent = workflow.info().parent
        if parent is None:
            return
        try:
            await workflow.get_external_workflow_handle(parent.workflow_id).signal(SHARD_RUNS)
        except FailureError:
            workflow.logger.debug("the batch has ended meanwhile")


def _as_told(sealed: SealedShard, ending: Ending) -> SealedShard:
    if ending.refusal is None or not sealed.counts.completed:
        return replace(sealed, refusal=ending.refusal, expired=ending.expired, warnings=ending.warnings)
    # It was run before, and its story is told again: its answers are there.
    return replace(sealed, expired=ending.expired, warnings=(*ending.warnings, ending.refusal.message))
