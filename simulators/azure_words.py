"""What Azure OpenAI says when it says no.

Where nothing is known of its words, they are OpenAI's in Azure's envelope.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulators import openai_words
from simulators.native.problems import Finding, ProblemKind
from simulators.native.refusals import Reason, Said

_OVER_ENQUEUED = (
    "Enqueued token limit reached for {subject} in the given region. Limit: {limit} enqueued tokens. "
    "Please try again once some in_progress batches have been completed."
)

SAYINGS: Mapping[Reason, Said] = {
    **openai_words.SAYINGS,
    Reason.NO_KEY: Said(401, "Access denied due to missing subscription key.", code="401"),
    Reason.BAD_KEY: Said(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid "
        "key for an active subscription and use a correct regional API endpoint for your resource.",
        code="401",
    ),
    Reason.FORBIDDEN: Said(
        403,
        "The principal lacks the required data action to perform this operation.",
        code="PermissionDenied",
    ),
    Reason.UNKNOWN_PATH: Said(404, "Resource not found", code="404"),
    Reason.UNKNOWN_FILE: Said(404, "The specified file {id} was not found.", code="resourceNotFound"),
    Reason.UNKNOWN_BATCH: Said(404, "The specified batch {id} was not found.", code="resourceNotFound"),
    Reason.UNKNOWN_MODEL: Said(
        404, "The API deployment for this resource does not exist.", code="DeploymentNotFound"
    ),
    Reason.STORAGE_QUOTA: Said(
        400, "The quota for files {which} expiry is reached. The maximum is {most}.", code="quotaExceeded"
    ),
    Reason.FILE_NOT_READY: Said(
        400,
        "The input file {id} is in 'pending' state. It must be 'processed' before a batch can be created.",
        code="invalidPayload",
    ),
    Reason.INPUT_MISSING: Said(400, "The input file {id} was not found.", code="invalidPayload"),
    Reason.CANNOT_CANCEL: Said(409, "Cannot cancel a batch with status '{status_now}'.", code="conflict"),
    Reason.TOKEN_LIMIT: Said(400, _OVER_ENQUEUED, code="token_limit_exceeded"),
    Reason.RATE_LIMITED: Said(
        429, "Requests have exceeded the call rate limit of your current pricing tier.", code="429"
    ),
    Reason.SERVER_ERROR: Said(
        500, "The server had an error processing your request.", code="InternalServerError"
    ),
    Reason.BAD_GATEWAY: Said(502, "Bad gateway.", code="502"),
    Reason.UNAVAILABLE: Said(503, "The service is temporarily unavailable.", code="ServiceUnavailable"),
}

FINDINGS: Mapping[ProblemKind, Finding] = {
    **openai_words.FINDINGS,
    ProblemKind.WRONG_URL: Finding(
        "url_mismatch", "The URL provided for this request does not match the batch endpoint.", "url"
    ),
    ProblemKind.UNKNOWN_MODEL: Finding(
        "model_not_found", "The provided model deployment '{subject}' does not exist.", "body.model"
    ),
    ProblemKind.OTHER_MODEL: Finding(
        "model_mismatch", "The model '{subject}' does not match the rest of the batch.", "body.model"
    ),
    ProblemKind.TOKEN_LIMIT: Finding("token_limit_exceeded", _OVER_ENQUEUED),
}
