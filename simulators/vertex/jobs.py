"""A batch prediction job: what it was created with, and in which of Vertex AI's states it is when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from simulators.native.course import Course, Snapshot, Status
from simulators.native.manner import Json
from simulators.vertex.buckets import Place
from simulators.vertex.fates import VertexFate
from simulators.vertex.models import Model
from simulators.vertex.moments import microseconds
from simulators.vertex.words import CANCELLED, FINDINGS, Failed


class State(StrEnum):
    """A job's states, as far as a batch prediction can come into them."""

    QUEUED = "JOB_STATE_QUEUED"
    PENDING = "JOB_STATE_PENDING"
    RUNNING = "JOB_STATE_RUNNING"
    PAUSED = "JOB_STATE_PAUSED"
    SUCCEEDED = "JOB_STATE_SUCCEEDED"
    PARTIALLY_SUCCEEDED = "JOB_STATE_PARTIALLY_SUCCEEDED"
    FAILED = "JOB_STATE_FAILED"
    CANCELLING = "JOB_STATE_CANCELLING"
    CANCELLED = "JOB_STATE_CANCELLED"
    EXPIRED = "JOB_STATE_EXPIRED"


_STATES = {
    Status.FAILED: State.FAILED,
    Status.EXPIRED: State.EXPIRED,
    Status.CANCELLING: State.CANCELLING,
    Status.CANCELLED: State.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A checked `POST …/batchPredictionJobs`; `said` is what is shown of it again."""

    project: str
    location: str
    display_name: str
    model: Model
    uris: Sequence[Place]
    output: Place
    labels: Mapping[str, str]
    key_field: str | None
    parameters: Mapping[str, Any]
    said: Json


@dataclass(slots=True, kw_only=True)
class VertexJob(Course[VertexFate]):
    """One job. `number` is its project's; `is_read`: its input has been; see VertexRules for the rest."""

    order: Order
    number: str
    queue_seconds: float
    run_seconds: float
    keeps_key_field: bool
    is_read: bool = False

    @property
    def name(self) -> str:
        """Its resource name, in which a project goes by its number."""
        order = self.order
        return f"projects/{self.number}/locations/{order.location}/batchPredictionJobs/{self.id}"

    @property
    def directory(self) -> Place:
        """Where its results go."""
        output, created = self.order.output, microseconds(self.created_at)
        folder = f"{output.name.rstrip('/')}/" if output.name.rstrip("/") else ""
        return Place(output.bucket, f"{folder}prediction-model-{created}")

    @property
    def failed_with(self) -> Failed:
        """Why it failed."""
        if self.fate.error is not None:
            return Failed(int(self.fate.error["code"]), str(self.fate.error["message"]))
        problem = self.problems[0]
        found = FINDINGS[problem.kind]
        return Failed(found.code, found.message.replace("{subject}", problem.subject))

    def state(self, last: Snapshot, now: float) -> State:
        """Return what Vertex AI calls a status."""
        match last.status:
            case Status.COMPLETED:
                return State.PARTIALLY_SUCCEEDED if self.fate.partial else State.SUCCEEDED
            case Status.VALIDATING:
                halfway = (self.created_at + self.begins_at) / 2
                return State.QUEUED if now < halfway else State.PENDING
            case Status.IN_PROGRESS:
                return State.PAUSED if self._is_paused(now) else State.RUNNING
            case Status.FINALIZING:
                return State.RUNNING if Status.IN_PROGRESS in last.at else State.PENDING
            case _:
                return _STATES[last.status]

    def error(self, state: State) -> Failed | None:
        """Return the error that goes with a state."""
        if state is State.FAILED:
            return self.failed_with
        return CANCELLED if state is State.CANCELLED else None

    def has_begun(self, now: float) -> bool:
        """Tell whether it is past the queue."""
        return Status.IN_PROGRESS in self.snapshot(now).at

    def plan(self) -> None:
        """Work out when it takes which status, if nothing more happens to it."""
        Course.plan(self)
        if self.fate.outruns_cancel and self.cancel_at is not None:
            self.story[-1] = (self.story[-1][0], Status.COMPLETED)

    def done_by(self, now: float) -> int:
        """Return how many rows are done; all of them in the end, if it outruns its cancelling."""
        if self.fate.outruns_cancel and self.cancel_at is not None and now >= self.ends_at:
            return 0 if self.problems else self.scan.lines
        return Course.done_by(self, now)

    def _is_paused(self, now: float) -> bool:
        stuck = self.fate.stuck_at
        if not self.fate.paused or stuck is None:
            return False
        return now >= self.begins_at + stuck * self._seconds("seconds")

    def _window_ends(self) -> float:
        """Return when time is up: in the queue if it is still there, or else some time after it began."""
        queued_until = self.created_at + self.queue_seconds
        return queued_until if self.begins_at >= queued_until else self.begins_at + self.run_seconds
