"""What Vertex AI says when it says no: to a call, about a job, about a row.

The words are Google's where they are known, and in Google's manner where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.native.problems import ProblemKind
from simulators.native.refusals import Reason, Said

_FIELD = "List of found errors:\t1.Field: {param}; Message: "
_UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."
)

SAYINGS: Mapping[Reason, Said] = {
    Reason.NO_KEY: Said(401, _UNAUTHENTICATED, code="UNAUTHENTICATED"),
    Reason.BAD_KEY: Said(401, _UNAUTHENTICATED, code="UNAUTHENTICATED"),
    Reason.FORBIDDEN: Said(
        403,
        "Permission 'aiplatform.batchPredictionJobs.create' denied on resource "
        "'//aiplatform.googleapis.com/{parent}' (or it may not exist).",
        code="PERMISSION_DENIED",
    ),
    Reason.UNKNOWN_PATH: Said(404, "Method not found: {method} {path}", code="NOT_FOUND"),
    Reason.UNKNOWN_BATCH: Said(404, "The BatchPredictionJob does not exist.", code="NOT_FOUND"),
    Reason.UNKNOWN_OPERATION: Said(404, "The Operation does not exist.", code="NOT_FOUND"),
    Reason.UNKNOWN_MODEL: Said(404, "The PublisherModel {model} does not exist.", code="NOT_FOUND"),
    Reason.BAD_REQUEST: Said(400, "Invalid JSON payload received. {problem}", code="INVALID_ARGUMENT"),
    Reason.MISSING_PARAMETER: Said(400, _FIELD + "Required field is not set.\t", code="INVALID_ARGUMENT"),
    Reason.INVALID_VALUE: Said(400, _FIELD + "{problem}\t", code="INVALID_ARGUMENT"),
    Reason.BODY_TOO_LARGE: Said(413, "Request payload size exceeds the limit.", code="INVALID_ARGUMENT"),
    Reason.CANNOT_CANCEL: Said(
        400,
        "The BatchPredictionJob has ended and can't be cancelled; it was {status_now}.",
        code="FAILED_PRECONDITION",
    ),
    Reason.NOT_ENDED: Said(
        400,
        "The BatchPredictionJob is in state {status_now}; only one that has finished can be deleted.",
        code="FAILED_PRECONDITION",
    ),
    Reason.TOO_MANY_JOBS: Said(429, "The following quotas are exceeded: {quota}", code="RESOURCE_EXHAUSTED"),
    Reason.RATE_LIMITED: Said(
        429, "Resource has been exhausted (e.g. check quota).", code="RESOURCE_EXHAUSTED"
    ),
    Reason.INSUFFICIENT_QUOTA: Said(
        429,
        "Quota exceeded for aiplatform.googleapis.com. Please submit a quota increase request.",
        code="RESOURCE_EXHAUSTED",
    ),
    Reason.SERVER_ERROR: Said(500, "Internal error encountered.", code="INTERNAL"),
    Reason.BAD_GATEWAY: Said(502, "Bad gateway.", code="UNAVAILABLE"),
    Reason.UNAVAILABLE: Said(503, "The service is currently unavailable.", code="UNAVAILABLE"),
}

CODES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""What goes with an HTTP status."""

NUMBERS: Mapping[str, int] = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
"""The same as `google.rpc.Status` has it in numbers."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a job failed, as `google.rpc.Status` has it; the message has a hole for the `{subject}`."""

    code: int
    message: str


_IMPORT = (
    "Failed to import data. Please check 'Prepare input' section of the batch predictions documentation. "
)

FINDINGS: Mapping[ProblemKind, Failed] = {
    ProblemKind.NOT_JSON: Failed(3, _IMPORT + "Error while reading data, error message: {subject}"),
    ProblemKind.NOT_IMPORTABLE: Failed(3, _IMPORT + "{subject}"),
    ProblemKind.EMPTY_FILE: Failed(3, _IMPORT + "The input has no rows."),
    ProblemKind.TOO_MANY_LINES: Failed(3, _IMPORT + "The input has more than {subject}."),
    ProblemKind.INPUT_MISSING: Failed(5, "Failed to import data. Not found: URI {subject}"),
    ProblemKind.BUCKET_MISSING: Failed(
        9,
        "Failed to get GCS bucket location for {subject}. Please check that the bucket exists and "
        "permissions are set correctly.",
    ),
    ProblemKind.NO_PERMISSION: Failed(
        7,
        "Service account service-1@gcp-sa-aiplatform.iam.gserviceaccount.com doesn't have sufficient "
        'permission "storage.objects.create" to write {subject}.',
    ),
    ProblemKind.SYSTEM_ERROR: Failed(13, "System error. Please try this operation again."),
}

CANCELLED = Failed(1, "CANCELED")
PARTIAL = Failed(13, "Some rows could not be processed.")

ROW_FAILURES: Mapping[int, tuple[str, str]] = {
    400: ("Bad Request", "Request contains an invalid argument."),
    403: ("Forbidden", "The caller does not have permission"),
    404: ("Not Found", "Requested entity was not found."),
    429: ("Too Many Requests", "Resource exhausted. Please try again later."),
    499: ("Client Closed Request", "The operation was cancelled."),
    500: ("Internal Server Error", "Internal error encountered."),
    503: ("Service Unavailable", "The service is currently unavailable."),
    504: ("Gateway Timeout", "Deadline expired before operation could complete."),
}
"""What a row's status begins with, and the usual message."""
