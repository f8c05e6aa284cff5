"""Reads a request's body by its type, and names as OpenAI does the field that is wrong with one."""

import re
from typing import TypeVar

import msgspec

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import Json

Request = TypeVar("Request")

_PLACE = re.compile(r"(?P<complaint>.*) - at `\$(?P<path>[^`]*)`", re.DOTALL)
_FIELD = re.compile(r"Object (?:contains unknown|missing required) field `(?P<field>[^`]*)`")


def read_body(body: bytes, decoder: msgspec.json.Decoder[Request]) -> Request:
    """Return a request's body as the decoder's type. Raises Untranslatable, with the field that is wrong."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Untranslatable("The request's body is not JSON that can be read.", param=None) from None


def read_part(value: object, type_: type[Request], *, param: str) -> Request:
    """Return a piece of a body, which stands at `param`, as a type. Raises Untranslatable."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), below=param) from None


def read_arguments(arguments: str | None, *, param: str) -> Json:
    """Return a call's arguments; none at all are an empty object. Raises Untranslatable."""
    if not arguments or arguments.isspace():
        return {}
    try:
        return msgspec.json.decode(arguments, type=Json)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Untranslatable(f"{param}: This must be a JSON object.", param=param) from None


def _refusal(said: str, *, below: str = "") -> Untranslatable:
    place = _PLACE.fullmatch(said)
    complaint, path = (place["complaint"], place["path"]) if place else (said, "")
    if field := _FIELD.match(complaint):
        path += f".{field['field']}"
        known = "missing" in complaint
        complaint = "This field is required." if known else "This provider knows no such field."
    param = f"{below}{path}".removeprefix(".")
    return Untranslatable(f"{param}: {complaint}" if param else complaint, param=param or None)
