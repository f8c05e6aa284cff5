"""Why a provider says no, before it is put into that provider's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with a call, or with the provider."""

    NO_KEY = "no_key"
    BAD_KEY = "bad_key"
    FORBIDDEN = "forbidden"
    UNKNOWN_PATH = "unknown_path"
    UNKNOWN_FILE = "unknown_file"
    UNKNOWN_BATCH = "unknown_batch"
    UNKNOWN_OPERATION = "unknown_operation"
    UNKNOWN_MODEL = "unknown_model"
    BAD_REQUEST = "bad_request"
    MISSING_PARAMETER = "missing_parameter"
    INVALID_VALUE = "invalid_value"
    INVALID_TYPE = "invalid_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY_PAIRS = "too_many_pairs"
    STRING_TOO_LONG = "string_too_long"
    NOT_JSONL = "not_jsonl"
    FILE_TOO_LARGE = "file_too_large"
    BODY_TOO_LARGE = "body_too_large"
    STORAGE_QUOTA = "storage_quota"
    FILE_NOT_READY = "file_not_ready"
    INPUT_MISSING = "input_missing"
    CANNOT_CANCEL = "cannot_cancel"
    NOT_ENDED = "not_ended"
    TOO_MANY_JOBS = "too_many_jobs"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 - a token of text
    RATE_LIMITED = "rate_limited"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"


class Refusal(Exception):
    """The provider's no; `details` are what its words have holes for, `status` wins over the reason's own."""

    def __init__(
        self,
        reason: Reason,
        *,
        status: int | None = None,
        retry_after: str | None = None,
        **details: str,
    ) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        self.details = details


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal in one provider's words: the message and the parameter have holes for the details."""

    status: int
    message: str
    kind: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None


Sayings = Mapping[Reason, Said]

_OF_STATUS = {
    400: Reason.BAD_REQUEST,
    401: Reason.BAD_KEY,
    403: Reason.FORBIDDEN,
    404: Reason.UNKNOWN_MODEL,
    413: Reason.BODY_TOO_LARGE,
    429: Reason.RATE_LIMITED,
    502: Reason.BAD_GATEWAY,
    503: Reason.UNAVAILABLE,
}


def refusal_of(status: int, *, retry_after: str | None = None) -> Refusal:
    """Return a no with this HTTP status, for whatever reason usually goes with it."""
    return Refusal(_OF_STATUS.get(status, Reason.SERVER_ERROR), status=status, retry_after=retry_after)


class _Holes(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def filled(template: str, details: Mapping[str, str]) -> str:
    """Fill the holes of a message; a detail nobody knows shows its name, as a refusal on demand has none."""
    return template.format_map(_Holes(details))
