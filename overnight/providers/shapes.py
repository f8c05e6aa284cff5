"""Jobs and files as providers write them, read with tolerance.

Those that copy OpenAI's API differ in what is null, empty, missing, capital or in quotes; what can't be
read counts as not there. Nothing here raises.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from overnight.domain.batch import BatchError
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts

Raw = dict[str, object]

TAG_KEY = "overnight_tag"
"""The key of a job's metadata that its tag is under."""

_LONGEST_CODE = 64
_LONGEST_MESSAGE = 300
"""In characters. A job can have a thousand errors, and they travel through the batch's history."""

LOST_FILE = frozenset({"error", "deleting", "deleted"})
"""The statuses, in small letters, of a file that no job can be made of."""

_STATUSES = {
    **{status.value: status for status in BatchStatus},
    "inprogress": BatchStatus.IN_PROGRESS,
    "canceling": BatchStatus.CANCELLING,
    "canceled": BatchStatus.CANCELLED,
    "queued": BatchStatus.VALIDATING,
    "pending": BatchStatus.VALIDATING,
}
_TAGGED_FILE = re.compile(r"(?P<batch>.+)\.(?P<shard>shard-\d+)\.(?P<job>job-\d+)\.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An input file as a listing shows it. `lost` says that no job can be made of it."""

    id: str
    filename: str
    lost: bool


def read_object(body: bytes) -> Raw | None:
    """Return a JSON object, or None if `body` is none."""
    try:
        return msgspec.json.decode(body, type=Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_job(raw: Raw) -> Job | None:
    """Return a job, or None if it has no id.

    A status that nobody knows is one of a job that still runs: nothing is final that is not known to be.
    """
    job_id = text_of(raw.get("id"))
    if job_id is None:
        return None
    status = (text_of(raw.get("status")) or "").lower()
    return Job(
        id=job_id,
        status=_STATUSES.get(status, BatchStatus.IN_PROGRESS),
        tag=text_of(_object(raw.get("metadata")).get(TAG_KEY)),
        created_at=moment_of(raw.get("created_at")),
        counts=_counts(_object(raw.get("request_counts"))),
        input_file_id=text_of(raw.get("input_file_id")),
        output_file_id=text_of(raw.get("output_file_id")),
        error_file_id=text_of(raw.get("error_file_id")),
        errors=_errors(raw.get("errors")),
    )


def read_file(raw: Raw) -> StoredFile | None:
    """Return a file, or None if it has no id."""
    file_id = text_of(raw.get("id"))
    if file_id is None:
        return None
    lost = (text_of(raw.get("status")) or "").lower() in LOST_FILE
    return StoredFile(id=file_id, filename=text_of(raw.get("filename")) or "", lost=lost)


def tag_in_filename(filename: str | None) -> str | None:
    """Return the tag that an input file's name was made of, or None if it is none of ours."""
    match = _TAGGED_FILE.fullmatch(filename or "")
    return f"{match['batch']}/{match['shard']}/{match['job']}" if match else None


def text_of(value: object) -> str | None:
    """Return a text; an empty one is none. A number counts as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def moment_of(value: object) -> datetime | None:
    """Return a moment: Unix seconds, as a number or as its digits, or ISO 8601."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if not isinstance(value, str):
            return None
        if value.isdecimal():
            return datetime.fromtimestamp(int(value), UTC)
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def number_of(value: object) -> int | None:
    """Return a whole number, in quotes or not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _object(value: object) -> Raw:
    return value if isinstance(value, dict) else {}


def _counts(raw: Raw) -> Counts:
    return Counts(*(max(0, number_of(raw.get(name)) or 0) for name in ("total", "completed", "failed")))


def _errors(value: object) -> tuple[BatchError, ...]:
    """Read `errors`: OpenAI's list object, or the bare array that Groq documents."""
    listed = value.get("data") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        return ()
    return tuple(_error(each) for each in listed if isinstance(each, dict))


def _error(raw: Raw) -> BatchError:
    return BatchError(
        code=(text_of(raw.get("code")) or "provider_error")[:_LONGEST_CODE],
        message=(text_of(raw.get("message")) or "The provider does not say why.")[:_LONGEST_MESSAGE],
        param=(text_of(raw.get("param")) or "")[:_LONGEST_MESSAGE] or None,
        line=number_of(raw.get("line")),
    )
