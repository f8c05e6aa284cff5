"""Result lines, in the shape of OpenAI's output and error files. Without the newline at their end."""

import msgspec

from overnight.domain.ids import line_id

_encode = msgspec.json.Encoder().encode

_WITH_RESPONSE = (
    b'{"id":"%b","custom_id":%b,"response":{"status_code":%d,"request_id":%b,"body":%b},"error":null}'
)
_WITH_ERROR = b'{"id":"%b","custom_id":%b,"response":null,"error":%b}'


def answer_line(
    batch_id: str, index: int, *, custom_id: str, status: int, request_id: str | None, body: bytes
) -> bytes:
    """Return the line of a request that has a response. `body` is JSON on one line, taken as it is.

    An endpoint that names no request gets the line's own id as the request's.
    """
    own_id = line_id(batch_id, index)
    named = request_id or own_id.replace("batch_req_", "req_")
    return _WITH_RESPONSE % (own_id.encode(), _encode(custom_id), status, _encode(named), body)


def error_line(batch_id: str, index: int, *, custom_id: str, code: str, message: str) -> bytes:
    """Return the line of a request that has no response, and why."""
    reason = _encode({"code": code, "message": message})
    return _WITH_ERROR % (line_id(batch_id, index).encode(), _encode(custom_id), reason)


def error_body(message: str, *, kind: str, code: str | None, param: str | None = None) -> bytes:
    """Return OpenAI's error envelope, for a response that has no such body of its own."""
    return _encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
