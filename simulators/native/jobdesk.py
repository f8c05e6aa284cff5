"""What every provider has behind the counter: jobs, each of which is looked at when somebody asks.

No job has a task of its own. What time has done to them is worked out from the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from simulators.native.clock import Clock
from simulators.native.course import Course, Status
from simulators.native.faults import FaultBook
from simulators.native.manner import Manner
from simulators.native.refusals import Reason, Refusal
from simulators.native.rules import JobRules

R = TypeVar("R", bound=JobRules)
J = TypeVar("J", bound=Course[Any])

Part = Callable[[], object]


class JobDesk(Generic[R, J]):
    """One provider's jobs; what it keeps on disk is in `folder`."""

    def __init__(
        self, manner: Manner, folder: Path, *, rules: R, clock: Clock, faults: FaultBook[Any]
    ) -> None:
        self.manner = manner
        self.folder = folder
        self.rules = rules
        self.clock = clock
        self.faults = faults
        self.jobs: dict[str, J] = {}
        self.on_end: Callable[[J], None] = lambda _job: None
        self._open: dict[str, J] = {}

    def parts(self) -> Mapping[str, Part]:
        """Return what the control door shows of it, by name."""
        raise NotImplementedError

    def forget(self) -> None:
        """Begin anew: no job, no fault, nothing on disk."""
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)
        self.jobs.clear()
        self._open.clear()
        self.faults.clear()

    async def catch_up(self) -> None:
        """Do what time has made due."""
        self.settle()

    def settle(self) -> None:
        """Let the jobs end that have come to their end; only then is anything known of it."""
        now = self.clock.now()
        for job in [job for job in self._open.values() if job.ends_at <= now]:
            del self._open[job.id]
            self._publish(job)
            self.on_end(job)

    def job(self, job_id: str) -> J:
        """Return a job. Raises Refusal."""
        self.settle()
        if job_id not in self.jobs:
            raise Refusal(Reason.UNKNOWN_BATCH, id=job_id)
        return self.jobs[job_id]

    def listed(self) -> list[J]:
        """Return the jobs that a listing shows already, oldest first."""
        self.settle()
        now = self.clock.now()
        return [job for job in self.jobs.values() if job.created_at + job.fate.list_after_seconds <= now]

    def cancel(self, job_id: str, *, by: str) -> J:
        """Begin to cancel a job; again changes nothing. Raises Refusal when it has ended otherwise."""
        job = self.job(job_id)
        now = self.clock.now()
        status = job.snapshot(now).status
        if status in {Status.COMPLETED, Status.FAILED, Status.EXPIRED}:
            raise Refusal(Reason.CANNOT_CANCEL, status_now=status.value)
        job.cancel(now, by=by)
        return job

    def _add(self, job: J) -> None:
        self.jobs[job.id] = self._open[job.id] = job

    def _publish(self, job: J) -> None:
        """Give a job that has ended its results."""
        raise NotImplementedError
