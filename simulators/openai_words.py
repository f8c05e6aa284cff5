"""What OpenAI says when it says no.

The words are OpenAI's as far as they are known. Those for a file with too many lines, an empty one and a
cancelled line are worded in their manner.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulators.native.course import Status
from simulators.native.problems import Finding, ProblemKind
from simulators.native.refusals import Reason, Said

_OVER_ENQUEUED = (
    "Enqueued token limit reached for {subject} in organization org-simulated. Limit: {limit} enqueued "
    "tokens. Please try again once some in_progress batches have been completed."
)
_INPUT_MISSING = "Cannot find file {id}, or organization org-simulated does not have access to it."

SAYINGS: Mapping[Reason, Said] = {
    Reason.NO_KEY: Said(401, "You didn't provide an API key."),
    Reason.BAD_KEY: Said(401, "Incorrect API key provided.", code="invalid_api_key"),
    Reason.FORBIDDEN: Said(
        403, "You have insufficient permissions for this operation. Missing scopes: api.model.request."
    ),
    Reason.UNKNOWN_PATH: Said(404, "Invalid URL ({method} {path})"),
    Reason.UNKNOWN_FILE: Said(404, "No such File object: {id}", param="id"),
    Reason.UNKNOWN_BATCH: Said(404, "No batch found with id '{id}'."),
    Reason.UNKNOWN_MODEL: Said(
        404, "The model does not exist or you do not have access to it.", code="model_not_found"
    ),
    Reason.BAD_REQUEST: Said(400, "We could not parse the body of your request."),
    Reason.MISSING_PARAMETER: Said(
        400, "Missing required parameter: '{param}'.", code="missing_required_parameter", param="{param}"
    ),
    Reason.INVALID_VALUE: Said(
        400,
        "Invalid value: '{value}'. Supported values are: {supported}.",
        code="invalid_value",
        param="{param}",
    ),
    Reason.INVALID_TYPE: Said(
        400, "Invalid type for '{param}': expected {expected}.", code="invalid_type", param="{param}"
    ),
    Reason.OUT_OF_RANGE: Said(
        400,
        "Invalid '{param}': expected a value from {least} to {most}, but got {value} instead.",
        code="integer_out_of_range",
        param="{param}",
    ),
    Reason.TOO_MANY_PAIRS: Said(
        400,
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an "
        "object with {count} properties instead.",
        code="object_above_max_properties",
        param="metadata",
    ),
    Reason.STRING_TOO_LONG: Said(
        400,
        "Invalid '{param}': string too long. Expected a string with maximum length {most}, but got a string "
        "with length {count} instead.",
        code="string_above_max_length",
        param="{param}",
    ),
    Reason.NOT_JSONL: Said(400, "Invalid file format for Batch API. Must be .jsonl"),
    Reason.FILE_TOO_LARGE: Said(400, "File is too large."),
    Reason.BODY_TOO_LARGE: Said(413, "Maximum content size limit exceeded."),
    Reason.STORAGE_QUOTA: Said(400, "You have exceeded your file storage quota.", code="file_storage_quota"),
    Reason.FILE_NOT_READY: Said(400, "The file {id} is still being processed.", param="file_id"),
    Reason.INPUT_MISSING: Said(400, _INPUT_MISSING, param="file_id"),
    Reason.CANNOT_CANCEL: Said(409, "Cannot cancel a batch with status '{status_now}'."),
    Reason.TOKEN_LIMIT: Said(400, _OVER_ENQUEUED, kind="token_limit_error", code="token_limit_exceeded"),
    Reason.RATE_LIMITED: Said(
        429, "Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded"
    ),
    Reason.INSUFFICIENT_QUOTA: Said(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        kind="insufficient_quota",
        code="insufficient_quota",
    ),
    Reason.SERVER_ERROR: Said(
        500, "The server had an error while processing your request. Sorry about that!", kind="server_error"
    ),
    Reason.BAD_GATEWAY: Said(502, "Bad gateway.", kind="server_error"),
    Reason.UNAVAILABLE: Said(
        503, "The server is overloaded or not ready yet.", kind="service_unavailable_error"
    ),
}

FINDINGS: Mapping[ProblemKind, Finding] = {
    ProblemKind.NOT_JSON: Finding("invalid_json_line", "This line is not parseable as valid JSON."),
    ProblemKind.MISSING_FIELD: Finding(
        "missing_required_parameter", "Missing required parameter: '{subject}'.", "{subject}"
    ),
    ProblemKind.WRONG_METHOD: Finding("invalid_method", "The method '{subject}' is not supported.", "method"),
    ProblemKind.WRONG_URL: Finding(
        "invalid_url", "The URL provided for this request does not match the batch endpoint.", "url"
    ),
    ProblemKind.UNKNOWN_MODEL: Finding(
        "model_not_found",
        "The provided model '{subject}' is not supported by the Batch API.",
        "body.model",
    ),
    ProblemKind.NO_MODEL: Finding("invalid_request", "Model parameter is required.", "body.model"),
    ProblemKind.OTHER_MODEL: Finding(
        "mismatched_model",
        "The model '{subject}' for this request does not match the rest of the batch. Each batch must "
        "contain requests for a single model.",
        "body.model",
    ),
    ProblemKind.STREAMING: Finding(
        "streaming_unsupported",
        "Chat Completions: Streaming is not supported in the Batch API.",
        "body.stream",
    ),
    ProblemKind.DUPLICATE_ID: Finding(
        "duplicate_custom_id",
        "The custom_id '{subject}' for this request is a duplicate of another request. The custom_id "
        "parameter must be unique for each request in a batch.",
        "custom_id",
    ),
    ProblemKind.TOO_MANY_LINES: Finding(
        "too_many_tasks", "The batch input file contains more than {subject} requests."
    ),
    ProblemKind.EMPTY_FILE: Finding("empty_file", "The batch input file is empty."),
    ProblemKind.INPUT_MISSING: Finding(
        "invalid_request", _INPUT_MISSING.replace("{id}", "{subject}"), "file_id"
    ),
    ProblemKind.TOKEN_LIMIT: Finding("token_limit_exceeded", _OVER_ENQUEUED),
}

UNFINISHED = {
    Status.EXPIRED: (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    Status.CANCELLED: ("batch_cancelled", "This request was not executed before the batch was cancelled."),
    None: ("request_timeout", "This request timed out."),
}
