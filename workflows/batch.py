"""The story of a batch: ingest, run, collect, settle."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from opentelemetry.util.types import AttributeValue

    from activities.bookkeeping import Bookkeeping
    from activities.collect import Collect
    from activities.ingest import Ingest
    from activities.job_payloads import Refusal
    from activities.lost_shards import SHARD_LOST, WAITED_FOR
    from activities.payloads import Collected, CollectOrder, Manifest, SealedRef, SealedShard
    from overnight.domain.account import together
    from overnight.domain.batch import BatchError, BatchOrder
    from overnight.domain.deployment import BatchLane
    from overnight.domain.status import BatchStatus, StopReason
    from overnight.domain.usage import Counts, Usage
    from overnight.pricing import cost_of
    from overnight.telemetry.batch_span import batch_attributes
    from workflows import options
    from workflows.picture import Picture
    from workflows.progress import show_progress
    from workflows.shard import SHARD_RUNS
    from workflows.shards import Shards
    from workflows.stopping import until_the_end
    from workflows.webhook_runs import tell_of_the_end

OTHERS_ARE_TOLD = "others-are-told"
"""The mark of stories that tell others how they have ended."""

GIVEN_UP_WITH_AN_ACCOUNT = "given-up-with-an-account"
"""Since then a batch that is given up says what its answers have cost until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOutcome:
    """How a batch ended."""

    status: BatchStatus
    counts: Counts
    output_file_id: str | None = None
    error_file_id: str | None = None


@workflow.defn(name="Batch")
class BatchWorkflow:
    """One batch, from what the client asked for to its files. Its id is the batch's id."""

    @workflow.init
    def __init__(self, order: BatchOrder) -> None:
        self._order = order
        self._picture = Picture(order)
        self._shards = Shards(order)
        self._shard_runs = self._begun = False

    @workflow.run
    async def run(self, order: BatchOrder) -> BatchOutcome:  # noqa: ARG002 - Temporal gives it to init as well
        """See the batch through. Whatever happens, its row says so in the end."""
        outcome = await until_the_end(self._story(), on_cancel=self.cancel)
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        return outcome

    @workflow.signal(description="Stop the batch; what is answered is kept and delivered.")
    def cancel(self) -> None:
        """Ask for the batch to be cancelled. Asking twice is asking once; after the window it is too late."""
        self._shards.stop(StopReason.CANCELLED)

    @workflow.signal(name=SHARD_RUNS, description="A provider works on a shard.")
    def shard_runs(self) -> None:
        """The batch has begun."""
        self._shard_runs = True

    @workflow.signal(name=SHARD_LOST, description="A shard has ended, which this run was not told.")
    def shard_lost(self, shard_id: str) -> None:
        """Tell that shard's story again."""
        self._shards.lose(shard_id)

    @workflow.query(name=WAITED_FOR, description="The shards, by their workflows' ids, that it waits for.")
    def waited_for(self) -> list[str]:
        """Return of which shards it would hear that they are lost."""
        return self._shards.awaited

    @workflow.query(description="Where the batch is, and how many of its lines have an outcome.")
    def status(self) -> BatchOutcome:
        """Return the batch as it is now."""
        return self._outcome()

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        """Return what the batch's span says of it, where there are traces."""
        return batch_attributes(self._order, self._picture.change)

    async def _story(self) -> BatchOutcome:
        try:
            await self._tell()
        except FailureError as failure:
            await self._give_up(failure)
            await self._tell_others()
            raise
        await self._tell_others()
        await self._tidy()
        return self._outcome()

    async def _tell(self) -> None:
        manifest = await self._ingest()
        if manifest.problems:
            await self._refuse(manifest)
            return
        shards = await self._run(manifest)
        refusals = [shard.refusal for shard in shards if shard.refusal]
        if refusals and len(refusals) == len(shards) and not self._cancelled:
            await self._fail(refusals)
            return
        files = await self._collect(shards)
        await self._settle(manifest, shards, files)

    async def _ingest(self) -> Manifest:
        opened = await workflow.execute_activity_method(
            Bookkeeping.open_batch, self._order, **options.row("make sure the row is there")
        )
        self._picture.events.opened(opened)
        return await workflow.execute_activity_method(
            Ingest.ingest, self._order, **options.whole_files("check every line, cut into shards")
        )

    async def _run(self, manifest: Manifest) -> list[SealedShard]:
        self._picture.describe(manifest)
        # Of a batch that is a provider's affair its provider says when it has begun.
        if all(route.lane is BatchLane.LINES for route in manifest.routes):
            await self._begin()
        beginning = asyncio.create_task(self._show_beginning())
        cancelling = asyncio.create_task(self._show_cancelling())
        progress = asyncio.create_task(show_progress(self._picture, self._shards))
        try:
            return await self._shards.run(manifest)
        finally:
            progress.cancel()
            cancelling.cancel()
            if not self._shard_runs:
                beginning.cancel()

    async def _collect(self, shards: list[SealedShard]) -> Collected:
        self._picture.count(sum((shard.counts for shard in shards), Counts()))
        if not self._cancelled:
            await self._begin()
            await self._picture.enter(BatchStatus.FINALIZING)
        refs = (
            SealedRef(
                attempt=shard.attempt,
                output=shard.output_bytes > 0,
                error=shard.error_bytes > 0,
                charged_by=shard.charged.attempt if shard.charged else None,
            )
            for shard in shards
        )
        order = CollectOrder(
            batch_id=self._order.batch_id,
            project=self._order.project,
            shards=tuple(refs),
            output_expires_after=self._order.output_expires_after,
        )
        return await workflow.execute_activity_method(
            Collect.collect, order, **options.whole_files("write the output and the error file")
        )

    async def _settle(self, manifest: Manifest, shards: list[SealedShard], files: Collected) -> None:
        usage = sum((shard.usage for shard in shards), Usage())
        accounts = [shard.charged.account for shard in shards if shard.charged]
        account = together(accounts) if len(accounts) == len(shards) else None
        self._picture.finish(
            warnings=self._warnings(shards),
            usage=usage,
            model=next((shard.model for shard in shards if shard.model), manifest.model),
            account=account,
            # What an earlier version has sealed has a price for all lines together, if any.
            cost=account.cost if account else cost_of(usage, manifest.price),
            files=files,
        )
        await self._picture.enter(self._final_status())

    def _warnings(self, shards: Sequence[SealedShard]) -> tuple[str, ...]:
        told = [warning for shard in shards for warning in shard.warnings]
        if self._shards.stopped is StopReason.MAX_COST:
            most = f"its max_cost of ${self._order.max_cost:f}"
            told.insert(0, f"It was stopped as it had cost {most}, or as an answer did not say what it cost.")
        return tuple(dict.fromkeys(told))

    def _final_status(self) -> BatchStatus:
        match self._shards.stopped:
            case StopReason.CANCELLED | StopReason.MAX_COST:
                return BatchStatus.CANCELLED
            case StopReason.EXPIRED:
                return BatchStatus.EXPIRED
            case None:
                return BatchStatus.EXPIRED if self._shards.expired else BatchStatus.COMPLETED

    async def _refuse(self, manifest: Manifest) -> None:
        self._picture.refuse(manifest.problems)
        await self._picture.enter(BatchStatus.FAILED, problems=True)

    async def _fail(self, refusals: Sequence[Refusal]) -> None:
        """Nobody would run any of it, so there are no results: the client is told why instead."""
        errors = (error for refusal in refusals for error in _errors_of(refusal))
        self._picture.fail(tuple(dict.fromkeys(errors)))
        await self._picture.enter(BatchStatus.FAILED)

    async def _give_up(self, failure: FailureError) -> None:
        # Only what no retry can mend comes here: a mistake of ours, not the client's or the endpoint's.
        workflow.logger.error("batch given up", extra={"batch_id": self._order.batch_id})
        # A shard's failure has its activity's in it, and that one the reason.
        while isinstance(failure.cause, FailureError):
            failure = failure.cause
        self._picture.give_up(BatchError(code="internal_error", message=failure.message))
        if workflow.patched(GIVEN_UP_WITH_AN_ACCOUNT):
            await self._account_for_what_is_left()
        await self._picture.enter(BatchStatus.FAILED)

    async def _account_for_what_is_left(self) -> None:
        """Take in what was charged before the batch was given up, and what nobody will ever charge."""
        if not self._shards.total:
            return
        await self._count_once_more()
        charged = together(shard.charged.account for shard in self._shards.sealed if shard.charged)
        answers = max(self._picture.change.counts.completed, charged.lines)
        account = charged.plus_uncharged(answers - charged.lines, reason="its batch was given up")
        if account.entries:
            self._picture.charge(account)

    async def _count_once_more(self) -> None:
        try:
            report = await workflow.execute_activity_method(
                Bookkeeping.read_progress, self._order.batch_id, **options.row("how far the lines have come")
            )
        except FailureError:
            # The last look has to do.
            workflow.logger.debug("lines not counted once more")
            return
        total = self._picture.change.counts.total
        self._picture.count(Counts(total, report.completed, report.failed))

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await self._picture.enter(BatchStatus.IN_PROGRESS)

    async def _show_beginning(self) -> None:
        await workflow.wait_condition(lambda: self._shard_runs)
        if not self._cancelled:
            await self._begin()

    async def _show_cancelling(self) -> None:
        await workflow.wait_condition(lambda: self._cancelled)
        await self._picture.enter(BatchStatus.CANCELLING)

    async def _tell_others(self) -> None:
        await self._picture.events.left()
        if workflow.patched(OTHERS_ARE_TOLD):
            await tell_of_the_end(self._order.batch_id)

    async def _tidy(self) -> None:
        await workflow.execute_activity_method(
            Collect.tidy, self._order.batch_id, **options.whole_files("remove the checkpoints")
        )

    @property
    def _cancelled(self) -> bool:
        # What stopped the batch first is what its lines tell, so its status tells the same.
        return self._shards.stopped is StopReason.CANCELLED

    def _outcome(self) -> BatchOutcome:
        change = self._picture.change
        return BatchOutcome(
            status=change.status,
            counts=change.counts,
            output_file_id=change.output_file_id,
            error_file_id=change.error_file_id,
        )


def _errors_of(refusal: Refusal) -> tuple[BatchError, ...]:
    return refusal.errors or (BatchError(code=refusal.code, message=refusal.message),)
