"""A batch's workflow with one step more than it had: what a careless change looks like to old histories."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from overnight.domain.batch import BatchOrder
from workflows.batch import BatchOutcome, BatchWorkflow


@workflow.defn(name="Batch")
class LongerBatchWorkflow(BatchWorkflow):
    @workflow.init
    def __init__(self, order: BatchOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: BatchOrder) -> BatchOutcome:
        await workflow.sleep(timedelta(seconds=1))
        return await super().run(order)
