"""What an operator decides about a worker process: how it ends, how much it does at once, its version."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

GRACE = timedelta(seconds=10)
"""How long a worker that is told to stop lets activities finish; then they are handed back."""

_TO_CLOSE = timedelta(seconds=10)
"""What it needs beyond that, to hand them back and to close what it has opened."""

MAX_CHUNKS = 16
"""Chunks of one deployment at once in one process; a batch has up to six. What they hold in memory together
is bounded by the lane."""


class Versioning(StrEnum):
    """Where a batch that has begun goes on when another version of the workers becomes the current one."""

    PINNED = "pinned"
    AUTO_UPGRADE = "auto-upgrade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of all workers of one process. Without a `build` they have no version."""

    grace: timedelta = GRACE
    max_chunks: int = MAX_CHUNKS
    build: str | None = None
    versioning: Versioning = Versioning.PINNED

    @property
    def ends_within(self) -> timedelta:
        """How long whoever stops the process has to wait before killing it."""
        return self.grace + _TO_CLOSE


USUAL = Terms()
"""Those of `serve`, and of a worker that is told nothing else."""
