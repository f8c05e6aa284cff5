"""What somebody who looks at a batch in the Temporal UI sees: the same server calls as it makes."""

from pathlib import Path

from openai import OpenAI
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.common import SearchAttributeKey

from tests.acceptance.inputs import submit, write_requests
from tests.acceptance.serving import Served, answered, ended, eventually
from tests.acceptance.simulated import Endpoint
from workflows.batch import BatchWorkflow

LINES = 12
HUNG = 3


def keyword(name: str) -> SearchAttributeKey[str]:
    return SearchAttributeKey.for_keyword(f"overnight_{name}")


async def test_a_batch_is_a_workflow_that_says_what_it_is(
    served: Served, client: OpenAI, temporal: Client, tmp_path: Path
) -> None:
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES))
    final = ended(client, batch.id, log=served.log)
    handle = temporal.get_workflow_handle(batch.id)
    await handle.result()

    described = await handle.describe()

    assert described.workflow_type == "Batch"
    assert await described.static_summary() == f"/v1/chat/completions · {batch.input_file_id}"
    shown = described.typed_search_attributes
    wanted = {"status": "completed", "model": "night", "provider": "hosted_vllm", "project": "default"}
    assert {name: shown[keyword(name)] for name in wanted} == wanted
    cost = shown[SearchAttributeKey.for_float("overnight_cost_usd")]
    assert cost == float(final.model_extra["overnight"]["cost_usd"]) > 0


async def test_batches_can_be_found_by_their_status(
    served: Served, client: OpenAI, temporal: Client, tmp_path: Path
) -> None:
    batch = submit(client, write_requests(tmp_path / "in.jsonl", 1))
    ended(client, batch.id, log=served.log)
    await temporal.get_workflow_handle(batch.id).result()

    async def found(status: str) -> set[str]:
        query = f"overnight_status='{status}' AND WorkflowType='Batch'"
        return {each.id async for each in temporal.list_workflows(query)}

    assert batch.id in await found("completed")
    assert batch.id not in await found("in_progress")


async def test_a_running_batch_shows_how_far_it_is(
    served: Served, client: OpenAI, backend: Endpoint, temporal: Client, tmp_path: Path
) -> None:
    backend.fault(kind="hang", times=HUNG)
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES))
    answered(client, batch.id, lines=LINES - HUNG, log=served.log)
    handle = temporal.get_workflow_handle_for(BatchWorkflow.run, batch.id)

    async def details() -> str:
        query = "__temporal_workflow_metadata"
        metadata: WorkflowMetadata = await handle.query(query, result_type=WorkflowMetadata)
        return metadata.current_details

    async def progress() -> str:
        said = await details()
        return said if f"**{LINES - HUNG} of {LINES}** lines done" in said else ""

    assert (await handle.query(BatchWorkflow.status)).status == "in_progress"
    said = await eventually(progress)
    assert "tokens" in said
    assert "0 of 1 shards" in said

    client.batches.cancel(batch.id)
    ended(client, batch.id, log=served.log)
    outcome = await handle.query(BatchWorkflow.status)
    assert (outcome.status, outcome.counts.completed) == ("cancelled", LINES - HUNG)
    assert "cancelled" in await details()
