"""The seam between Overnight and whoever keeps its events."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from overnight.domain.event import BatchEvent


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of a batch: what was asked and what came back, each one line of JSON as it stands in its file.

    `answer` is None where no outcome of the line is there (any more).
    """

    index: int
    custom_id: str
    request: bytes
    answer: bytes | None


Exchanges = Callable[[], AsyncIterator[Exchange]]
"""Reads a batch's lines from the first on, in input order, as often as it is called."""


@dataclass(slots=True)
class Bookmark:
    """How many of a batch's lines, from the first on, a sink has taken. The next offer of the event has it.

    A sink that takes all of the lines or none leaves it as it is.
    """

    lines: int = 0


class Sink(Protocol):
    """Somebody who keeps events. An event may come twice; its id says so."""

    async def emit(
        self, event: BatchEvent, exchanges: Exchanges | None = None, bookmark: Bookmark | None = None
    ) -> None:
        """Hand over an event; when this returns, the sink has it.

        With `exchanges` also the prompts and answers, in constant memory, from `bookmark` on, which is moved
        as they are taken. Raises SinkUnavailable, and SinkRefused for what only the operator can change; the
        event is offered again after either.
        """
        ...
