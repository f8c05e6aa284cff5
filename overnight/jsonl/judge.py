"""Finds out what is wrong with a line.

Slow, and only asked about lines that the inspector could not accept at a glance. It looks no
deeper than it must: what the body holds beside `model` and `stream` is for the model to judge.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import InvalidRequest
from overnight.jsonl import refusals
from overnight.jsonl.lines import Line, is_utf8
from overnight.jsonl.requests import UNDECODABLE, is_readable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_REQUIRED = ("custom_id", "method", "url", "body")
_NOT_STREAMING = (b"false", b"null")
_NOTHING = (b"null", b'""')
_Fields = dict[str, msgspec.Raw]
_decode_fields = msgspec.json.Decoder(_Fields).decode
_decode_string = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Verdict:
    """The line's custom_id if it has a usable one, and what is wrong with the line, if anything."""

    custom_id: str | None
    problem: BatchError | None


class LineJudge:
    """Judges the lines of one batch. `model` is the first known model that a line was for, None before.

    A line that names no model is for the `default_model`, if there is one. `why_unknown` says in words why
    a model that is not known is not.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        knows_model: Callable[[str], bool],
        default_model: str | None,
        why_unknown: Callable[[str], str] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._knows_model = knows_model
        self._why_unknown = why_unknown
        self._default_model = default_model
        self.model: str | None = None

    def judge(self, line: Line, number: int) -> Verdict:
        """Judge a line that is not blank; `number` is 1-based."""
        custom_id: str | None = None
        try:
            fields = _line_fields(line, number)
            custom_id = _usable_id(fields)
            self._require_valid(fields, custom_id)
            if not is_readable(line):
                # A key can come twice, the first time with a value that readers stumble over.
                raise refusals.unparseable()
        except InvalidRequest as refusal:
            return Verdict(custom_id, refusals.problem(refusal, line=number))
        return Verdict(custom_id, None)

    def _require_valid(self, fields: _Fields, custom_id: str | None) -> None:
        for name in _REQUIRED:
            if name not in fields:
                raise refusals.missing(name)
        if custom_id is None:
            raise refusals.unusable_custom_id()
        if _string(fields, "method") != "POST":
            raise refusals.wrong_method()
        if _string(fields, "url") != self._endpoint:
            raise refusals.wrong_url()
        body = _body_fields(fields["body"])
        self._require_model(body)
        if "stream" in body and bytes(body["stream"]) not in _NOT_STREAMING:
            raise refusals.streaming(self._endpoint)

    def _require_model(self, body: _Fields) -> None:
        model = _string(body, "model") if _is_given(body, "model") else self._default_model
        if not model:
            raise refusals.no_model()
        if not self._knows_model(model):
            raise refusals.unknown_model(model, why=self._why_unknown)
        if self.model is None:
            self.model = model
        if model != self.model:
            raise refusals.mismatched_model(model)


def _line_fields(line: Line, number: int) -> _Fields:
    if number == 1 and line.startswith(BYTE_ORDER_MARK):
        raise refusals.byte_order_mark()
    # msgspec does not look at the encoding of what it skips.
    if not is_utf8(line):
        raise refusals.unparseable()
    try:
        return _decode_fields(line)
    except msgspec.ValidationError:
        raise refusals.not_an_object() from None
    except RecursionError:
        raise refusals.too_deep() from None
    except UNDECODABLE:
        raise refusals.unparseable() from None


def _body_fields(body: msgspec.Raw) -> _Fields:
    try:
        return _decode_fields(body)
    except UNDECODABLE:
        # The line is JSON, so what fails here is its type.
        raise refusals.body_not_an_object() from None


def _usable_id(fields: _Fields) -> str | None:
    custom_id = _string(fields, "custom_id")
    return custom_id if custom_id and len(custom_id) <= refusals.MAX_CUSTOM_ID_CHARS else None


def _is_given(fields: _Fields, name: str) -> bool:
    return name in fields and bytes(fields[name]) not in _NOTHING


def _string(fields: _Fields, name: str) -> str | None:
    """Return the string under `name`, or None if there is something else, or nothing."""
    try:
        return _decode_string(fields[name]) if name in fields else None
    except UNDECODABLE:
        return None
