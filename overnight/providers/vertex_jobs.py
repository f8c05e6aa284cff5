"""Vertex AI's batch prediction jobs as jobs: states, counts and places. Nothing here raises.

Source: aiplatform v1, BatchPredictionJob and JobState.
"""

from overnight.domain.batch import BatchError
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.providers.shapes import Raw, moment_of, number_of, text_of

MARK = "overnight"
"""The label that every job of ours has. Its value is the batch's id; the whole tag is the display name."""

_STATUSES = {
    "JOB_STATE_QUEUED": BatchStatus.VALIDATING,
    "JOB_STATE_PENDING": BatchStatus.VALIDATING,
    "JOB_STATE_SUCCEEDED": BatchStatus.COMPLETED,
    "JOB_STATE_PARTIALLY_SUCCEEDED": BatchStatus.COMPLETED,
    "JOB_STATE_FAILED": BatchStatus.FAILED,
    "JOB_STATE_CANCELLING": BatchStatus.CANCELLING,
    "JOB_STATE_CANCELLED": BatchStatus.CANCELLED,
    "JOB_STATE_EXPIRED": BatchStatus.EXPIRED,
}
_LONGEST_MESSAGE = 300


def read_vertex_job(raw: Raw) -> Job | None:
    """Return a job, or None if it has no name.

    A state that nobody knows is one of a job that still runs. One that failed on its way keeps the rows it
    had finished, and those are results; it is `completed` then, with what went wrong among its `errors`.
    """
    name = text_of(raw.get("name"))
    if name is None:
        return None
    counts, ours = _counts(raw.get("completionStats")), MARK in _object(raw.get("labels"))
    status = _STATUSES.get(text_of(raw.get("state")) or "", BatchStatus.IN_PROGRESS)
    if status is BatchStatus.FAILED and counts.completed:
        status = BatchStatus.COMPLETED
    return Job(
        id=name.rpartition("/")[2],
        status=status,
        tag=text_of(raw.get("displayName")) if ours else None,
        created_at=moment_of(raw.get("createTime")),
        counts=counts,
        input_file_id=_first(_object(_object(raw.get("inputConfig")).get("gcsSource")).get("uris")),
        output_file_id=_output(raw),
        errors=_errors(raw.get("error")),
    )


def _output(raw: Raw) -> str | None:
    """Return the folder of the results, which a job has once it has written some."""
    folder = text_of(_object(raw.get("outputInfo")).get("gcsOutputDirectory"))
    return f"{folder.rstrip('/')}/" if folder else None


def _counts(raw: object) -> Counts:
    stats = _object(raw)
    # What Vertex does not know it calls -1.
    done, failed, left = (
        max(0, _whole(stats.get(name))) for name in ("successfulCount", "failedCount", "incompleteCount")
    )
    return Counts(done + failed + left, done, failed)


def _whole(value: object) -> int:
    if isinstance(value, str) and value.startswith("-"):
        return 0
    return number_of(value) or 0


def _errors(raw: object) -> tuple[BatchError, ...]:
    error = _object(raw)
    message = text_of(error.get("message"))
    if message is None and not error.get("code"):
        return ()
    said = (message or "Vertex AI does not say why.")[:_LONGEST_MESSAGE]
    return (BatchError(code="provider_failed", message=said),)


def _first(value: object) -> str | None:
    return text_of(value[0]) if isinstance(value, list) and value else None


def _object(value: object) -> Raw:
    return value if isinstance(value, dict) else {}
