"""The time limit of a deployment's requests, all watched by one timer.

A timer for each request, as aiohttp and `asyncio.timeout` set it, is a tenth of what the request costs.
"""

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import Any


class Deadlines:
    """`with deadlines:` around one request ends it once `limit` has passed, and goes on after the block.

    For any number of tasks at once, each of which has one request at a time.
    """

    def __init__(self, limit: timedelta) -> None:
        self._seconds = limit.total_seconds()
        # All have the same limit, so the oldest is due first.
        self._due: dict[asyncio.Task[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        due = self._due[_this_task()] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._end_those_due)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        task = _this_task()
        in_time = self._due.pop(task, None) is not None
        # Who has been cancelled by others as well, or instead, stays so.
        return not in_time and task.uncancel() == 0 and kind is asyncio.CancelledError

    def _end_those_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for task, due in [*self._due.items()]:
            if due > loop.time():
                self._timer = loop.call_at(due, self._end_those_due)
                return
            del self._due[task]
            task.cancel()


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a request is sent inside a task")
    return task
