"""The picture of a batch that its workflow keeps, and writes to the catalog whenever its status changes."""

from dataclasses import replace
from decimal import Decimal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import Bookkeeping
    from activities.payloads import Collected, Manifest, ProgressReport, Record
    from overnight.domain.account import Account
    from overnight.domain.batch import BatchChange, BatchError, BatchOrder
    from overnight.domain.status import BatchStatus
    from overnight.domain.usage import Counts, Usage
    from workflows import options, search_attributes
    from workflows.events import Events

SHOWN_ERRORS = 1_000
SHOWN_WARNINGS = 20


class Picture:
    """Only this writes a batch's status. Revisions rise with workflow time, so also after a Reset."""

    def __init__(self, order: BatchOrder) -> None:
        self.batch_id = order.batch_id
        self.events = Events(order)
        self.change = BatchChange(revision=0, status=BatchStatus.VALIDATING)

    async def enter(self, status: BatchStatus, *, problems: bool = False) -> None:
        """Move on to `status`, stamped with the workflow's time, and have it written."""
        stamps = replace(self.change.stamps, **{f"{status.value}_at": workflow.now()})
        self.change = replace(self.change, status=status, stamps=stamps, revision=self._next_revision())
        self._show_in_temporal()
        # Where the clock has gone back since the story was told before, the row is ahead of it at first.
        while (revision := await self._record(problems=problems)) > self.change.revision:
            self.change = replace(self.change, revision=revision + 1)
        self.events.entered(self.change)

    def describe(self, manifest: Manifest) -> None:
        """Take in what ingest found."""
        self.change = replace(
            self.change,
            counts=Counts(manifest.lines),
            model=manifest.model,
            deployments=tuple(route.deployment for route in manifest.routes),
            requested_model=manifest.model,
            approximated_input=manifest.approximated_input,
        )
        if manifest.model and manifest.provider:
            workflow.upsert_search_attributes(
                [
                    search_attributes.MODEL.value_set(manifest.model),
                    search_attributes.PROVIDER.value_set(manifest.provider),
                ]
            )

    def count(self, counts: Counts) -> None:
        """Take in how many lines have an outcome."""
        self.change = replace(self.change, counts=counts)

    def fail(self, errors: tuple[BatchError, ...]) -> None:
        """Take in that no provider would run the batch, and why."""
        self.change = replace(
            self.change, counts=Counts(), errors=errors[:SHOWN_ERRORS], errors_total=len(errors)
        )

    def finish(
        self,
        *,
        warnings: tuple[str, ...],
        usage: Usage,
        model: str | None,
        account: Account | None,
        cost: Decimal | None,
        files: Collected,
    ) -> None:
        """Take in what the lines came to."""
        self.change = replace(
            self.change,
            warnings=warnings[:SHOWN_WARNINGS],
            usage=usage,
            model=model,
            account=account,
            cost=cost,
            receipt_file_id=files.receipt_file_id,
            output_file_id=files.output_file_id,
            error_file_id=files.error_file_id,
        )

    def refuse(self, problems: int) -> None:
        """Take in that the input is not valid; the catalog gets the problems from storage."""
        self.change = replace(self.change, counts=Counts(), errors_total=problems)

    def give_up(self, error: BatchError) -> None:
        """Take in that the batch can't go on."""
        self.change = replace(self.change, errors=(error,), errors_total=1)

    def charge(self, account: Account) -> None:
        """Take in what answers have cost of which there are no files."""
        self.change = replace(self.change, account=account, usage=account.usage, cost=account.cost)

    def show(self, report: ProgressReport, *, shards_done: int, shards: int) -> None:
        """Take in how far the lines are, and show it in Temporal's UI."""
        counts = Counts(self.change.counts.total, report.completed, report.failed)
        self.count(counts)
        self.events.progressed(report, counts)
        details = [
            f"**{counts.done:,} of {counts.total:,}** lines done, {counts.failed:,} failed",
            f"{report.tokens:,} tokens",
            f"{shards_done} of {shards} shards",
        ]
        if report.waiting_on:
            details.append(f"waiting: {report.waiting_on}")
        workflow.set_current_details(" · ".join(details))

    def _show_in_temporal(self) -> None:
        change = self.change
        attributes = [search_attributes.STATUS.value_set(change.status.value)]
        workflow.upsert_search_attributes(attributes)
        if change.cost is not None:
            workflow.upsert_search_attributes([search_attributes.COST.value_set(float(change.cost))])
        counts = change.counts
        tokens = "" if change.usage is None else f" · {change.usage.total:,} tokens"
        workflow.set_current_details(
            f"{change.status.value} · **{counts.done:,} of {counts.total:,}** lines done{tokens}"
        )

    async def _record(self, *, problems: bool) -> int:
        return await workflow.execute_activity_method(
            Bookkeeping.record,
            Record(batch_id=self.batch_id, change=self.change, problems=problems),
            **options.row(f"status: {self.change.status.value}"),
        )

    def _next_revision(self) -> int:
        now = int(workflow.now().timestamp() * 1_000_000)
        return max(now, self.change.revision + 1)
