"""Cleaning up after provider jobs: a story of its own, that delays no result and may outlive its batch."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.job_payloads import Remains
    from workflows import verbs


@workflow.defn(name="CleanUp")
class CleanUpWorkflow:
    """Leaves nothing of a shard at its providers. Its id is `<shard's id>/clean-up`."""

    @workflow.run
    async def run(self, remains: tuple[Remains, ...]) -> None:
        """Clean up everywhere, for as long as that takes."""
        await asyncio.gather(*(verbs.CLEAN_UP.start(each.provider, each) for each in remains))
