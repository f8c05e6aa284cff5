"""What is read in a model's answer: that it is JSON, its usage, its model. Nothing else of it."""

import msgspec

from overnight.domain.usage import Usage

_NO_USAGE = Usage()
_MOST_TOKENS = 2**53
"""No real answer uses more; a number beyond it is nonsense and counts as 0."""


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    """Both spellings: `prompt_` and `completion_` of most endpoints, `input_` and `output_` of responses."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Answer(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    model: str | None = None


class _JustModel(msgspec.Struct, gc=False):
    model: msgspec.Raw = msgspec.Raw(b"null")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What was read in an answer that is a JSON object. `body` fits on one line."""

    body: bytes
    usage: Usage = _NO_USAGE
    model: str | None = None


_answers = msgspec.json.Decoder(_Answer)
_objects = msgspec.json.Decoder(_JustModel)


def read_answer(body: bytes) -> Reading | None:
    """Read a body; None unless it is one whole JSON object in UTF-8. Its bytes are kept as they are.

    A body with line breaks is compacted: it must become part of one line of JSONL.
    """
    try:
        answer = _answers.decode(body)
        usage, model = _usage(answer.usage), answer.model
    except msgspec.ValidationError:
        if not _is_object(body):
            return None
        usage, model = _NO_USAGE, None
    except (msgspec.DecodeError, RecursionError):
        return None
    if not _is_utf8(body):
        return None
    return Reading(_on_one_line(body), usage, model)


def _usage(counted: _Usage | None) -> Usage:
    if counted is None:
        return _NO_USAGE
    inputs = counted.prompt_tokens_details or counted.input_tokens_details
    outputs = counted.completion_tokens_details or counted.output_tokens_details
    return Usage(
        _sane(counted.prompt_tokens or counted.input_tokens),
        _sane(inputs.cached_tokens) if inputs else 0,
        _sane(counted.completion_tokens or counted.output_tokens),
        _sane(outputs.reasoning_tokens) if outputs else 0,
    )


def _sane(tokens: int | None) -> int:
    return tokens if tokens and 0 < tokens < _MOST_TOKENS else 0


def _is_object(body: bytes) -> bool:
    """Tell an object with a field of an unexpected type from something that is no object, or no JSON."""
    try:
        _objects.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _is_utf8(body: bytes) -> bool:
    """The decoder does not look into the strings that it skips."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _on_one_line(body: bytes) -> bytes:
    # A bare carriage return ends a line too, for readers that open a file as text.
    if b"\n" in body or b"\r" in body:
        return msgspec.json.format(body, indent=-1)
    return body
