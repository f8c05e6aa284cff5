"""How a job is shown: as a v1 `BatchPredictionJob`, and with what callers aren't told at the control door."""

from __future__ import annotations

from simulators.native.course import Snapshot, Status
from simulators.native.manner import Json
from simulators.vertex.jobs import State, VertexJob
from simulators.vertex.moments import moment
from simulators.vertex.words import PARTIAL, Failed

_WITHOUT_RESULTS = {State.QUEUED, State.PENDING, State.RUNNING, State.PAUSED, State.CANCELLING}
_UNKNOWN = "-1"


def shown(job: VertexJob, *, now: float) -> Json:
    """Return a `BatchPredictionJob`. As everywhere in Google's JSON, what is zero or empty is left out."""
    last = job.snapshot(now)
    state = job.state(last, now)
    error = job.error(state)
    began, partial = last.at.get(Status.IN_PROGRESS), state is State.PARTIALLY_SUCCEEDED
    told: Json = {
        "name": job.name,
        **job.order.said,
        "state": state.value,
        "error": status_of(error) if error else None,
        "partialFailures": [status_of(PARTIAL)] if partial else None,
        "outputInfo": _output(job, last, state),
        "completionStats": _stats(job, last, state),
        "createTime": moment(job.created_at),
        "startTime": None if began is None else moment(began),
        "endTime": moment(last.at[last.status]) if last.ended else None,
        "updateTime": moment(max([job.created_at, *last.at.values()])),
        "modelVersionId": "1",
    }
    return {name: value for name, value in told.items() if value}


def status_of(failed: Failed) -> Json:
    """Return a `google.rpc.Status`."""
    return {"code": failed.code, "message": failed.message}


def job_at_door(job: VertexJob, *, now: float) -> Json:
    """Return a job with what nobody else is told."""
    last = job.snapshot(now)
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state(last, now).value,
        "status": last.status.value,
        "is_cancelled": job.cancel_at is not None,
        "cancelled_by": job.cancelled_by,
        "display_name": job.order.display_name,
        "labels": dict(job.order.labels),
        "project": job.order.project,
        "location": job.order.location,
        "model": job.order.model.name,
        "inputs": [str(place) for place in job.order.uris],
        "directory": str(job.directory),
        "lines": job.scan.lines,
        "completed": last.completed,
        "failed": last.failed,
        "problems": [problem.kind.value for problem in job.problems],
        "fate": job.fate.as_json(),
        "at": {status.value: last.at[status] for status in Status if status in last.at},
    }


def _output(job: VertexJob, last: Snapshot, state: State) -> Json | None:
    """Return where the results are, of a job that has ended after it had begun."""
    if state in _WITHOUT_RESULTS or Status.IN_PROGRESS not in last.at:
        return None
    return {"gcsOutputDirectory": str(job.directory)}


def _stats(job: VertexJob, last: Snapshot, state: State) -> Json | None:
    """Return the counts, which are strings; nothing is counted before the job has begun."""
    if state is State.FAILED and Status.IN_PROGRESS not in last.at:
        return {"incompleteCount": _UNKNOWN}
    lost = _lost(job) if state is State.PARTIALLY_SUCCEEDED else 0
    counts = {
        "successfulCount": last.completed - lost,
        "failedCount": last.failed,
        "incompleteCount": max(0, last.total - last.completed - last.failed) + lost,
    }
    return {name: str(count) for name, count in counts.items() if count > 0}


def _lost(job: VertexJob) -> int:
    every = job.fate.lose_every
    return job.scan.lines // every if every else 0
