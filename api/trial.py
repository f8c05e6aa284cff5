"""A trial that nobody waits for: it is made now and then, and what it said last is told."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from overnight.health.changes import WELL, Changes

EVERY = timedelta(minutes=1)
"""How old what is told may be. A trial of a bucket is four requests, which somebody pays for."""

UNKNOWN = "being tried"
_TIMEOUT = timedelta(minutes=1)
_NO_ANSWER = "no answer"


class Trial:
    """Tells what is wrong, as `problem` has it. What hangs is told to give no answer.

    `of` is what the log calls it by, which has a line when what is told changes.
    """

    def __init__(
        self, problem: Callable[[], Awaitable[str | None]], *, of: str, every: timedelta = EVERY
    ) -> None:
        self._problem = problem
        self._of = of
        self._changes = Changes()
        self._every = every.total_seconds()
        self._trying: asyncio.Task[None] | None = None
        self._ended_at = 0.0
        self._said = UNKNOWN

    @property
    def state(self) -> str:
        """What was said last; where that is old, it is tried again meanwhile."""
        if self._trying is None or (self._trying.done() and _now() - self._ended_at >= self._every):
            self._trying = asyncio.create_task(self._make())
        return self._said

    async def _make(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT.total_seconds()):
                self._said = await self._problem() or WELL
        except TimeoutError:
            self._said = _NO_ANSWER
        except Exception as error:  # noqa: BLE001 - its message may say what is not for everyone
            self._said = type(error).__name__
        finally:
            self._ended_at = _now()
        self._changes.note(self._of, self._said)


def _now() -> float:
    return asyncio.get_running_loop().time()
