"""What somebody sees who looks at a running batch in Temporal's UI."""

import asyncio
from collections import Counter
from datetime import timedelta

from temporalio.api.sdk.v1 import WorkflowMetadata

from overnight.domain.usage import Counts
from tests.workflows.scripted import Script
from tests.workflows.stage import Stage
from tests.workflows.stories import ONE_SHARD, Handle
from workflows import options
from workflows.batch import BatchWorkflow

PATIENCE = timedelta(seconds=60)


def half_answered() -> Script:
    """The second of two chunks goes on meeting a store that is down, so that time can skip."""
    return Script(ONE_SHARD, chunk_failures=Counter({(0, 1): 1_000}))


async def details(handle: Handle) -> str:
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def details_saying(what: str, handle: Handle) -> str:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while what not in (said := await details(handle)):  # noqa: ASYNC110 - Temporal has to be asked
            await asyncio.sleep(0.01)
    return said


async def test_the_details_tell_lines_tokens_and_shards_while_a_batch_runs(stage: Stage) -> None:
    script = half_answered()
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        assert "**0 of 20** lines" in await details_saying("in_progress", handle)
        await stage.sleep(2 * options.FIRST_LOOK)
        said = await details_saying("**10 of 20** lines done", handle)
        await handle.signal(BatchWorkflow.cancel)
        await handle.result()
        assert "cancelled · **20 of 20** lines done" in await details(handle)
    assert "0 tokens · 0 of 1 shards" in said


async def test_the_status_query_counts_the_lines_of_a_running_batch(stage: Stage) -> None:
    script = half_answered()
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await stage.sleep(2 * options.FIRST_LOOK)
        await details_saying("**10 of 20** lines done", handle)
        answer = await handle.query(BatchWorkflow.status)
        await handle.signal(BatchWorkflow.cancel)
        await handle.result()
    assert answer.counts == Counts(20, 10, 0)


async def test_the_details_say_what_a_batch_is_waiting_for(stage: Stage) -> None:
    script = half_answered()
    script.waiting_on = "connection refused"
    async with stage.playing(script):
        handle = await stage.begin(await stage.order())
        await stage.sleep(2 * options.FIRST_LOOK)
        assert "waiting: connection refused" in await details_saying("waiting", handle)
        await handle.signal(BatchWorkflow.cancel)
        await handle.result()
