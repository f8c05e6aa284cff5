"""What running batches have behind them is replayed by today's workflows; see `record.py`."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.workflows.longer import LongerBatchWorkflow
from tests.workflows.record import HISTORIES
from tests.workflows.stories import STORIES, TOLD
from workflows.batch import BatchWorkflow
from workflows.events import EventWorkflow
from workflows.places import PlacesWorkflow
from workflows.plugin import OvernightPlugin
from workflows.shard import ShardWorkflow
from workflows.webhooks import WebhookWorkflow

PARTS = {
    "": "",
    "shard": "/shard-0000",
    "webhook": f"/{TOLD}",
    "event": "/events/acreate_batch",
    "places": "/places",
}
"""How the workflow of a history is called after its batch; the keeper of places, which has many, for this."""

RECORDED = sorted(HISTORIES.glob("*.json"))


def replayer(*workflows: type) -> Replayer:
    return Replayer(workflows=workflows, plugins=[OvernightPlugin()])


def history(path: Path) -> WorkflowHistory:
    story, _, part = path.stem.partition(".")
    return WorkflowHistory.from_json(f"batch_{story}{PARTS[part]}", path.read_text())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_history_is_replayed_step_by_step(path: Path) -> None:
    workflows = (BatchWorkflow, ShardWorkflow, PlacesWorkflow, WebhookWorkflow, EventWorkflow)
    await replayer(*workflows).replay_workflow(history(path))


def test_every_story_is_recorded() -> None:
    assert STORIES.keys() <= {path.stem for path in RECORDED}


async def test_a_workflow_with_one_step_more_is_found_out() -> None:
    with pytest.raises(NondeterminismError):
        await replayer(LongerBatchWorkflow).replay_workflow(history(HISTORIES / "completed.json"))
