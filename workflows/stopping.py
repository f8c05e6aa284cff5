"""Stopping early without losing anything: what batches, shards and their lanes have in common."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception
from temporalio.workflow import ActivityHandle

Result = TypeVar("Result")


async def until_the_end(story: Coroutine[Any, Any, Result], *, on_cancel: Callable[[], None]) -> Result:
    """Tell `story` to its end, even when the workflow is cancelled from outside.

    Temporal cancels a workflow's main task only. The story runs in a task of its own, so a cancel
    becomes a word to it (`on_cancel`) and never tears it apart in the middle of a step.
    """
    telling = asyncio.create_task(story)
    try:
        return await asyncio.shield(telling)
    except asyncio.CancelledError:
        on_cancel()
        return await telling


async def unless_stopped(tasks: Sequence[asyncio.Task[Any]], *, stopped: Callable[[], bool]) -> None:
    """Wait for all of `tasks`; once `stopped`, cancel what is left and wait for it to end.

    A task that failed raises here, when all have ended, unless they were stopped: what a stopped one
    had done is in its checkpoints.
    """
    ended = asyncio.gather(*tasks, return_exceptions=True)
    stop = asyncio.create_task(workflow.wait_condition(stopped))
    either: list[asyncio.Future[Any]] = [ended, stop]
    await workflow.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        for task in tasks:
            task.cancel()
    stop.cancel()
    for result in await ended:
        if isinstance(result, BaseException) and not stopped():
            raise result


async def done_or(
    step: ActivityHandle[Any], *, until: Callable[[], bool], within: timedelta | None = None
) -> None:
    """Wait until a step has ended, or a condition holds; no longer than `within`."""
    waiting = asyncio.create_task(workflow.wait_condition(until))
    either: list[asyncio.Future[Any]] = [step, waiting]
    timeout = within.total_seconds() if within else None
    await workflow.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def outcome_of(step: ActivityHandle[Result]) -> Result | None:
    """Return what a step has come to; one that has not ended is cancelled. None if it came to nothing.

    A try that was under way may fail before it hears of the cancel. Then the server makes no other, and what
    comes is that failure, which otherwise would never have been seen here.
    """
    cancelled = not step.done()
    if cancelled:
        step.cancel()
    try:
        return await step
    except FailureError as failure:
        if cancelled or is_cancelled_exception(failure):
            return None
        raise
