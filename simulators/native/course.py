"""The life of a batch job: which status it has when, worked out from the clock whenever somebody looks.

    validating ──▶ in_progress ──▶ finalizing ──▶ completed
        └─▶ failed      └───────────────┴──▶ finalizing ──▶ expired
        └───────────────┴───────────────┴──▶ cancelling ──▶ cancelled

Nothing is stored but what has been done to the job.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Generic

from simulators.native.faults import F
from simulators.native.problems import Problem
from simulators.native.rules import JobRules
from simulators.native.scan import Scan


class Status(StrEnum):
    """A job's eight statuses."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


TERMINAL = {Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED}
Step = tuple[float, Status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A job at one moment: when it took each status so far (Unix seconds), and its lines."""

    status: Status
    at: Mapping[Status, float]
    total: int
    completed: int
    failed: int

    @property
    def ended(self) -> bool:
        """Whether the status will stay."""
        return self.status in TERMINAL


@dataclass(slots=True, kw_only=True)
class Course(Generic[F]):
    """What any provider's job goes through: as it was created, and what has been done to it since.

    `input` is where its lines lie, `scan` what was found in them.
    """

    id: str
    created_at: float
    input: Path
    scan: Scan
    problems: tuple[Problem, ...]
    rules: JobRules
    fate: F
    cancel_at: float | None = None
    cancelled_by: str | None = None
    story: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plan()

    @property
    def ends_at(self) -> float:
        """When its last status begins; never, for a job that has stopped moving."""
        return self.story[-1][0]

    @property
    def begins_at(self) -> float:
        """When validation ends, if nothing stops the job before."""
        return self.created_at + self._seconds("validating_seconds")

    def cancel(self, now: float, *, by: str) -> None:
        """Begin to cancel it, if that has not begun."""
        if self.cancel_at is None:
            self.cancel_at, self.cancelled_by = now, by
            self.plan()

    def meet(self, fate: F) -> None:
        """Give it another fate; what it has gone through already is judged by that one, too."""
        self.fate = fate
        self.plan()

    def plan(self) -> None:
        """Work out when it takes which status, if nothing more happens to it."""
        steps = self._undisturbed()
        expires, heeded = self._stops_at(), self._heeded_at()
        if expires < min(steps[-1][0], heeded):
            steps = [step for step in steps if step[0] < expires and step[1] is not Status.FINALIZING]
            ends = expires + self._seconds("finalizing_seconds")
            steps += [(expires, Status.FINALIZING), (ends, Status.EXPIRED)]
        if heeded < steps[-1][0]:
            steps = [step for step in steps if step[0] <= heeded]
            ends = heeded + self._seconds("cancelling_seconds")
            steps += [(heeded, Status.CANCELLING), (ends, Status.CANCELLED)]
        self.story = steps

    def snapshot(self, now: float) -> Snapshot:
        """Return how it stands now."""
        taken = {status: at for at, status in self.story if at <= now}
        status = next(reversed(taken), Status.VALIDATING)
        began = Status.IN_PROGRESS in taken
        done = self.done_by(now) if began else 0
        failed = self._failures_in(done)
        return Snapshot(
            status=status,
            at=taken,
            total=self.scan.lines if began else 0,
            completed=max(0, done - failed + self.fate.counts_off_by) if began else 0,
            failed=failed,
        )

    def done_by(self, now: float) -> int:
        """Return how many lines, from the first, are done; a cancel or the window's end stops that."""
        if self.problems:
            return 0
        until = min(now, self._stops_at(), self._heeded_at())
        share = min(self._share_at(until), self._limit())
        # A moment in Unix seconds is not exact enough to be sure of the last line of a share.
        return math.floor(round(self.scan.lines * share, 2))

    def failure_of(self, index: int) -> int | None:
        """Return the HTTP status with which the line at this index fails, if it does."""
        if self.fate.fail_every and (index + 1) % self.fate.fail_every == 0:
            return self.fate.fail_status
        return self.scan.marked.get(index)

    def _undisturbed(self) -> list[Step]:
        begins = self.begins_at
        if self.problems:
            return [(self.created_at, Status.VALIDATING), (begins, Status.FAILED)]
        worked = math.inf if self._limit() < 1 else begins + self._seconds("seconds")
        return [
            (self.created_at, Status.VALIDATING),
            (begins, Status.IN_PROGRESS),
            (worked, Status.FINALIZING),
            (worked + self._seconds("finalizing_seconds"), Status.COMPLETED),
        ]

    def _stops_at(self) -> float:
        """Return when its window ends: at the share of its lines that its fate says, or when time is up."""
        if self.fate.expire_at is not None:
            return self.begins_at + self.fate.expire_at * self._seconds("seconds")
        return self._window_ends()

    def _heeded_at(self) -> float:
        """Return from when on a cancel shows; a job that has none goes on for ever."""
        if self.cancel_at is None:
            return math.inf
        return self.cancel_at + self._seconds("unheeded_seconds")

    def _window_ends(self) -> float:
        """Return when time is up; a provider that has a window says when."""
        return math.inf

    def _limit(self) -> float:
        return 1.0 if self.fate.stuck_at is None else self.fate.stuck_at

    def _share_at(self, now: float) -> float:
        passed, needed = now - self.begins_at, self._seconds("seconds")
        return 1.0 if passed >= needed else max(0.0, passed / needed)

    def _failures_in(self, done: int) -> int:
        every = self.fate.fail_every
        marked = bisect_left(list(self.scan.marked), done)
        if not every:
            return marked
        both = sum((index + 1) % every == 0 for index in list(self.scan.marked)[:marked])
        return done // every + marked - both

    def _seconds(self, name: str) -> float:
        own = getattr(self.fate, name)
        return float(getattr(self.rules, name) if own is None else own)
