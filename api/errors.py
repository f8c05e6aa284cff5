"""The one place where an error becomes an HTTP status and OpenAI's error envelope.

Every refusal leaves as `{"error": {"message", "type", "param", "code"}}`, all four keys present. What is
the client's fault says what to change; what is ours says no more than that, and the log has the rest.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.validation import invalid_request
from overnight.domain.errors import (
    CatalogUnavailable,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    NoReceipt,
    ObjectNotFound,
    OvernightError,
    StorageFull,
    StorageUnavailable,
    TemporalUnavailable,
    Unauthorized,
    UnknownBatch,
    UnknownFile,
    UnknownUpload,
    UnknownWebhookEndpoint,
)

CLIENT_GONE = 499
"""What the log calls a request whose client went away; nobody is there to receive it."""

_CLIENTS_FAULT = "invalid_request_error"
_OUR_FAULT = "server_error"
_SURPRISE = "The server had an error while processing your request."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a client gets for a kind of error; `message` None means the error's own words."""

    status: int
    message: str | None = None
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] | None = None


# OpenAI's SDK repeats 409 and everything from 500 up, unless it is told that this is of no use.
_DO_NOT_RETRY = {"x-should-retry": "false"}

_UNEXPECTED = _Answer(status=500, message=_SURPRISE)


def _unavailable(what: str, *, headers: dict[str, str] | None = None) -> _Answer:
    message = f"{what} is not available right now. Try again."
    return _Answer(status=503, message=message, code="unavailable", headers=headers)


_ANSWERS: tuple[tuple[type[OvernightError], _Answer], ...] = (
    # The first that fits counts, so a kind stands before what it is a kind of.
    (InvalidRequest, _Answer(status=400)),
    (Unauthorized, _Answer(status=401, code="invalid_api_key", headers={"www-authenticate": "Bearer"})),
    (UnknownFile, _Answer(status=404, param="id")),
    (UnknownUpload, _Answer(status=404, param="upload_id")),
    (UnknownBatch, _Answer(status=404)),
    (NoReceipt, _Answer(status=404, code="no_receipt")),
    (UnknownWebhookEndpoint, _Answer(status=404, param="webhook_endpoint_id")),
    (ObjectNotFound, _Answer(status=404, message="The content of this file is no longer there.", param="id")),
    (
        IdempotencyMismatch,
        _Answer(status=409, param="idempotency_key", code="idempotency_mismatch", headers=_DO_NOT_RETRY),
    ),
    (Conflict, _Answer(status=409, headers=_DO_NOT_RETRY)),
    (
        StorageFull,
        _Answer(
            status=507,
            message="There is not enough room in storage for this file and its results.",
            code="insufficient_storage",
            headers=_DO_NOT_RETRY,
        ),
    ),
    (StorageUnavailable, _unavailable("Storage")),
    (CatalogUnavailable, _unavailable("The catalog")),
    # A create whose answer was lost may have started all the same: a person is to look before it is repeated.
    (TemporalUnavailable, _unavailable("Temporal", headers=_DO_NOT_RETRY)),
)

_log = structlog.get_logger(__name__)


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer every error in OpenAI's shape, but for those nobody expected (see last_resort)."""
    app.add_exception_handler(OvernightError, _answer_domain_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)


def error_response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return OpenAI's envelope with all four of its keys."""
    kind = _CLIENTS_FAULT if status < 500 else _OUR_FAULT
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def unexpected_error_response() -> JSONResponse:
    """Return what a client learns of an error nobody expected: that it happened."""
    return error_response(500, _SURPRISE)


def _answer_domain_error(_: Request, error: Any) -> Response:  # noqa: ANN401 - the type of Starlette's seam
    answer = next((answer for kind, answer in _ANSWERS if isinstance(error, kind)), _UNEXPECTED)
    if answer.status >= 500:
        _log.error("request_failed", error=type(error).__name__, reason=error.message)
    return error_response(
        answer.status,
        answer.message or error.message,
        param=getattr(error, "param", answer.param),
        code=getattr(error, "code", answer.code),
        headers=answer.headers,
    )


def _answer_validation_error(_: Request, error: Any) -> Response:  # noqa: ANN401 - as above
    problem = invalid_request(error.errors())
    return error_response(400, problem.message, param=problem.param, code=problem.code)


def _answer_http_error(request: Request, error: Any) -> Response:  # noqa: ANN401 - as above
    what = f"{request.method} {request.url.path}"
    said = {
        404: (f"Invalid URL ({what}).", "unknown_url"),
        405: (f"Invalid method for this URL ({what}).", "method_not_supported"),
    }
    message, code = said.get(error.status_code, (error.detail, None))
    return error_response(error.status_code, message, code=code, headers=dict(error.headers or {}))


def _answer_nobody(_: Request, __: Any) -> Response:  # noqa: ANN401 - as above
    return Response(status_code=CLIENT_GONE)
