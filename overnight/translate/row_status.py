"""What is wrong with a row, read in its `status`.

It is empty where all is well. Otherwise it is whatever the service behind it said: `Bad Request: {"error":
{"code": 400, …}}` (as Google's pages show it), the JSON of a `google.rpc.Status` with a gRPC code, a Claude's
error, or words.
"""

import re
from http import HTTPStatus

import msgspec

from overnight.translate.chat_request import Json
from overnight.translate.completion import failure
from overnight.translate.protocol import Reply

_UNKNOWN = 500
_BY_NAME = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Source: google.rpc.Code."""

_BY_NUMBER = {
    1: "CANCELLED", 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND",
    6: "ALREADY_EXISTS", 7: "PERMISSION_DENIED", 8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION",
    10: "ABORTED", 11: "OUT_OF_RANGE", 12: "UNIMPLEMENTED", 13: "INTERNAL", 14: "UNAVAILABLE",
    15: "DATA_LOSS", 16: "UNAUTHENTICATED",
}  # fmt: skip
_BY_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Source: Anthropic's API, error types."""

_BY_PHRASE = {status.phrase.lower(): status.value for status in HTTPStatus if status.value >= 400}
_NAME = re.compile(r"\b(" + "|".join(_BY_NAME) + r")\b")
_decode = msgspec.json.Decoder(Json).decode


def read_status(key: str, *stated: object) -> Reply | None:
    """Return the error that one of a row's `stated` fields tells, or None if none does."""
    for status in stated:
        if status and (reply := _read(key, status)):
            return reply
    return None


def _read(key: str, stated: object) -> Reply | None:
    words, details = _taken_apart(stated)
    if words.strip().upper() == "OK" or (details.get("code") == 0 and not details.get("message")):
        return None
    said = details.get("message")
    message = said if isinstance(said, str) and said else words
    name = _name(details, words)
    status = _http_status(details, words, name)
    code = name.lower() if name else _text(details.get("type"))
    return failure(key, status=status, message=message or "The provider does not say why.", code=code)


def _taken_apart(stated: object) -> tuple[str, Json]:
    """Return the words of a status, and the innermost object in it."""
    if isinstance(stated, dict):
        words, details = "", stated
    else:
        words = str(stated)
        details = _object_in(words)
    while isinstance(inner := details.get("error"), dict):
        details = inner
    return words, details


def _object_in(words: str) -> Json:
    start = words.find("{")
    if start < 0:
        return {}
    try:
        return _decode(words[start : words.rfind("}") + 1])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


def _name(details: Json, words: str) -> str | None:
    """Return the name of the status, as Google has them."""
    if (named := _text(details.get("status"))) in _BY_NAME:
        return named
    code = details.get("code")
    if isinstance(code, int) and code in _BY_NUMBER:
        return _BY_NUMBER[code]
    if isinstance(code, str) and code.upper() in _BY_NAME:
        return code.upper()
    found = _NAME.search(words) if not details else None
    return found[1] if found else None


def _http_status(details: Json, words: str, name: str | None) -> int:
    code = details.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return code
    if (type_ := _text(details.get("type"))) in _BY_TYPE:
        return _BY_TYPE[type_]
    if name is not None:
        return _BY_NAME[name]
    phrase = words.partition(":")[0].strip().lower()
    return _BY_PHRASE.get(phrase, _UNKNOWN)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
