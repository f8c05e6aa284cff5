"""Records the histories that test_replay.py replays: `.venv/bin/python -m tests.workflows.record`.

A history that was recorded stays as it is, because it is what running batches out there have behind them;
so this plays only the stories that have none yet. A new path is a new story, under a new name.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from tests.conftest import skipping_time
from tests.workflows.stage import Stage
from tests.workflows.stories import STORIES, TOLD, Story
from workflows import search_attributes
from workflows.plugin import OvernightPlugin

HISTORIES = Path(__file__).with_name("histories")

_MACHINE = {"identity", "stackTrace"}


async def record(names: Sequence[str]) -> None:
    """Play the stories of these names, and write down what Temporal has kept of them."""
    plugins = [OvernightPlugin()]
    real = await WorkflowEnvironment.start_local(
        dev_server_existing_path=_program("temporal"), dev_server_log_level="error", plugins=plugins
    )
    async with real:
        await search_attributes.register(real.client)
        for name in names:
            story = STORIES[name]
            if story.real:
                await _record(name, story, Stage(real))
                continue
            async with skipping_time() as skipping:
                await _record(name, story, Stage(skipping))
    # Leaving at once after the server is stopped can crash the interpreter.
    await asyncio.sleep(0.3)


async def _record(name: str, story: Story, stage: Stage) -> None:
    handle = await story.play(stage, f"batch_{name}")
    _write(name, await handle.fetch_history())
    if story.shard:
        shard = stage.client.get_workflow_handle(f"{handle.id}/shard-0000")
        _write(f"{name}.shard", await shard.fetch_history())
    if story.keeper:
        _write(f"{name}.places", await stage.client.get_workflow_handle(story.keeper).fetch_history())
    if story.event:
        event = stage.client.get_workflow_handle(f"{handle.id}/events/{story.event}")
        _write(f"{name}.event", await event.fetch_history())
    if story.webhook:
        webhook = stage.client.get_workflow_handle(f"{handle.id}/{TOLD}")
        _write(f"{name}.webhook", await webhook.fetch_history())


def _path(name: str) -> Path:
    return HISTORIES / f"{name}.json"


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _write(name: str, history: WorkflowHistory) -> None:
    # One event a line: small, and readable in a diff.
    events = (
        json.dumps(_anywhere(event), separators=(",", ":")) for event in history.to_json_dict()["events"]
    )
    path = _path(name)
    path.write_text('{"events":[\n' + ",\n".join(events) + "\n]}\n")
    print(path)  # noqa: T201 - what the command has done


def _anywhere(value: Any) -> Any:
    """Leave out what tells only of the machine it was recorded on."""
    if isinstance(value, dict):
        return {name: _anywhere(each) for name, each in value.items() if name not in _MACHINE}
    return [_anywhere(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    asyncio.run(record([name for name in STORIES if not _path(name).exists()]))
