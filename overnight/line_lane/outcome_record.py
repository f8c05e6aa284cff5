"""From how a line's last try ended to the record of the line's outcome."""

from typing import assert_never

from overnight.jsonl import Request
from overnight.line_lane.transport import Answer, BadReply, Failure, Lost, TimedOut, TooLarge, Unreachable
from overnight.outcomes.answer import Reading
from overnight.outcomes.record import Record
from overnight.outcomes.result_line import answer_line, error_body, error_line

_BAD_GATEWAY = 502
"""The status of a line whose endpoint gave nothing that could be passed on, as a gateway would say it."""


def answered_record(batch_id: str, request: Request, answer: Answer) -> Record:
    """Return the record of a line that was answered. The answer goes through as it came."""
    reading = answer.reading
    line = _reply_line(
        batch_id, request, status=answer.status, request_id=answer.request_id, body=reading.body
    )
    tokens = reading.usage.total
    return Record(index=request.index, ok=True, line=line, tokens=tokens, model=reading.model)


def failed_record(batch_id: str, request: Request, failure: Failure, *, seconds: float) -> Record:
    """Return the record of a line that failed for good. `seconds` is the timeout it had.

    An error that the endpoint put in JSON goes through as it is, any other gets OpenAI's envelope. A 2xx
    that is no JSON object, and an answer that did not come whole, are a 502 here.
    """
    match failure:
        case TimedOut():
            line = _timeout_line(batch_id, request, seconds=seconds)
        case BadReply(reading=Reading(body=body)):
            line = _reply_line(
                batch_id, request, status=failure.status, request_id=failure.request_id, body=body
            )
        case BadReply(status=status):
            own_words = _BAD_GATEWAY if status < 300 else status
            line = _reply_line(
                batch_id, request, status=own_words, request_id=failure.request_id, body=_not_json(status)
            )
        case Lost() | Unreachable() | TooLarge():
            line = _reply_line(
                batch_id, request, status=_BAD_GATEWAY, request_id=None, body=_no_answer(failure)
            )
        case _:
            assert_never(failure)
    return Record(index=request.index, ok=False, line=line)


def _reply_line(
    batch_id: str, request: Request, *, status: int, request_id: str | None, body: bytes
) -> bytes:
    return answer_line(
        batch_id,
        request.index,
        custom_id=request.custom_id,
        status=status,
        request_id=request_id,
        body=body,
    )


def _timeout_line(batch_id: str, request: Request, *, seconds: float) -> bytes:
    message = f"The endpoint did not answer this request within {seconds:g} seconds."
    return error_line(
        batch_id, request.index, custom_id=request.custom_id, code="request_timeout", message=message
    )


def _not_json(status: int) -> bytes:
    if status < 300:
        return error_body(
            "The endpoint's answer is not a JSON object.", kind="server_error", code="invalid_response"
        )
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return error_body(f"The endpoint answered {status} without a JSON object.", kind=kind, code=None)


def _no_answer(failure: Lost | Unreachable | TooLarge) -> bytes:
    match failure:
        case Lost():
            message, code = "The connection was lost before the answer was complete.", "connection_lost"
        case Unreachable(reason=message):
            code = "unreachable"
        case TooLarge():
            message, code = "The endpoint's answer is too large.", "response_too_large"
        case _:
            assert_never(failure)
    return error_body(message, kind="server_error", code=code)
