"""How the control door shows jobs and files."""

from __future__ import annotations

from simulators.native.course import Status
from simulators.native.files import StoredFile
from simulators.native.jobs import Job
from simulators.native.manner import Json


def shown_job(job: Job, *, now: float) -> Json:
    """Show a job with what nobody else is told."""
    last = job.snapshot(now)
    return {
        "id": job.id,
        "status": last.status.value,
        "is_cancelled": job.cancel_at is not None,
        "cancelled_by": job.cancelled_by,
        "metadata": job.metadata,
        "model": job.model,
        "endpoint": job.endpoint,
        "input_file_id": job.input_file_id,
        "output_file_id": job.output_file_id,
        "error_file_id": job.error_file_id,
        "lines": job.scan.lines,
        "tokens": job.tokens,
        "completed": last.completed,
        "failed": last.failed,
        "problems": [problem.kind.value for problem in job.problems],
        "fate": job.fate.as_json(),
        "at": {status.value: last.at[status] for status in Status if status in last.at},
    }


def shown_file(stored: StoredFile) -> Json:
    """Show a file, and which job made it."""
    return {
        "id": stored.id,
        "filename": stored.filename,
        "purpose": stored.purpose,
        "bytes": stored.size,
        "created_at": stored.created_at,
        "expires_at": stored.expires_at,
        "job": stored.job_id,
    }
