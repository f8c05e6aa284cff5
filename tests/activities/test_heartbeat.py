"""Heartbeats: from the first moment of a step to its last, and no longer."""

import asyncio
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import heartbeat
from activities.heartbeat import heartbeating


def beating_tasks() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_coro().__name__ == heartbeat._beat.__name__]  # type: ignore[union-attr]


async def beats_of(environment: ActivityEnvironment, *, details: Any = None, number: int = 1) -> list[Any]:
    """Run a step that lasts until it has beaten so often."""
    beats: list[Any] = []
    enough = asyncio.Event()

    def take(*said: Any) -> None:
        beats.append(said)
        if len(beats) == number:
            enough.set()

    async def step() -> None:
        async with heartbeating(details):
            await enough.wait()

    environment.on_heartbeat = take
    await environment.run(step)
    return beats


async def test_a_step_beats_at_once_and_says_how_far_it_is() -> None:
    assert await beats_of(ActivityEnvironment(), details=lambda: {"done": 3}) == [({"done": 3},)]


async def test_a_step_goes_on_beating_with_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_INTERVAL", heartbeat.BEAT_INTERVAL / 1_000)
    counted = iter(range(3))
    beats = await beats_of(ActivityEnvironment(), details=lambda: next(counted), number=3)
    assert beats == [(0,), (1,), (2,)]


async def test_a_step_that_is_over_beats_no_more() -> None:
    await beats_of(ActivityEnvironment())
    await asyncio.sleep(0)
    assert beating_tasks() == []
