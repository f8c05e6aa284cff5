"""What is read in a model's answer: that it is JSON, its usage, model and service tier. No more of it."""

from typing import TypeVar, get_type_hints

import msgspec

from overnight.domain.price import dearer_or_cheaper
from overnight.domain.usage import Usage
from overnight.jsonl.requests import UNDECODABLE

T = TypeVar("T")

_NO_USAGE = Usage()
_MOST_TOKENS = 2**31
"""No real answer uses more; a number beyond it is nonsense and counts as 0."""

_LONGEST_NAME = 200
"""Characters. An endpoint may call its model anything."""


class _CachedDetails(msgspec.Struct, gc=False):
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _InputDetails(msgspec.Struct, gc=False):
    """OpenAI's, and what our translations say of caches, as OpenAI's has no words for that."""

    cached_tokens: int | None = None
    cached_tokens_details: _CachedDetails | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    video_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    video_tokens: int | None = None


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
    service_tier: str | None = None


_NO_INPUT_DETAILS = _InputDetails()
_NO_OUTPUT_DETAILS = _OutputDetails()


class _Odd(msgspec.Struct, gc=False):
    """An answer in which a field has an unexpected type; what is as expected is read all the same."""

    usage: msgspec.Raw = msgspec.Raw(b"null")
    model: msgspec.Raw = msgspec.Raw(b"null")
    service_tier: msgspec.Raw = msgspec.Raw(b"null")


class Spent(msgspec.Struct, frozen=True, gc=False):
    """What an answer says of its cost: tokens, and its service tier if that has a price of its own."""

    usage: Usage = _NO_USAGE
    service_tier: str | None = None


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What was read in an answer that is a JSON object. `body` fits on one line."""

    body: bytes
    usage: Usage = _NO_USAGE
    model: str | None = None


_NOTHING = Spent()

# Not strict: some write 3.0 or "3" for a 3.
_answers = msgspec.json.Decoder(_Answer, strict=False)
_odd = msgspec.json.Decoder(_Odd)


def read_answer(body: bytes) -> Reading | None:
    """Read a body; None unless it is one whole JSON object in UTF-8. Its bytes are kept as they are.

    A body with line breaks is compacted: it must become part of one line of JSONL.
    """
    answer = _read(body)
    if answer is None or not _is_utf8(body):
        return None
    return Reading(_on_one_line(body), _usage(answer.usage), _plain(answer.model))


def spent_in(body: bytes) -> Spent:
    """Return what an answer which is a JSON object says it has used; nothing if it says nothing."""
    answer = _read(body)
    if answer is None:
        return _NOTHING
    return Spent(_usage(answer.usage), dearer_or_cheaper(_plain(answer.service_tier)))


def _read(body: bytes) -> _Answer | None:
    """Return what is read in a JSON object; None if it is none."""
    try:
        return _answers.decode(body)
    except msgspec.ValidationError:
        return _read_field_by_field(body)
    except UNDECODABLE:
        return None


def _read_field_by_field(body: bytes) -> _Answer | None:
    try:
        odd = _odd.decode(body)
    except UNDECODABLE:
        return None
    fields = _or_none(odd.usage, dict[str, msgspec.Raw]) or {}
    known = get_type_hints(_Usage)
    counted = {name: _or_none(fields[name], kind) for name, kind in known.items() if name in fields}
    return _Answer(
        usage=_Usage(**counted),
        model=_or_none(odd.model, str),
        service_tier=_or_none(odd.service_tier, str),
    )


def _or_none(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except UNDECODABLE:
        return None


def _usage(counted: _Usage | None) -> Usage:
    if counted is None:
        return _NO_USAGE
    inputs = counted.prompt_tokens_details or counted.input_tokens_details or _NO_INPUT_DETAILS
    outputs = counted.completion_tokens_details or counted.output_tokens_details or _NO_OUTPUT_DETAILS
    cached = inputs.cached_tokens_details
    return Usage(
        input=_sane(counted.prompt_tokens or counted.input_tokens),
        cached=_sane(inputs.cached_tokens),
        output=_sane(counted.completion_tokens or counted.output_tokens),
        reasoning=_sane(outputs.reasoning_tokens),
        cache_written=_sane(inputs.cache_write_tokens),
        cache_written_1h=_sane(inputs.cache_write_1h_tokens),
        input_audio=_sane(inputs.audio_tokens),
        cached_audio=_sane(cached.audio_tokens) if cached else 0,
        input_image=_sane(inputs.image_tokens),
        input_video=_sane(inputs.video_tokens),
        output_audio=_sane(outputs.audio_tokens),
        output_image=_sane(outputs.image_tokens),
        cached_image=_sane(cached.image_tokens) if cached else 0,
        output_video=_sane(outputs.video_tokens),
    )


def _plain(name: str | None) -> str | None:
    """Return a name as it can be kept everywhere; an endpoint may say anything."""
    return name.replace("\0", "")[:_LONGEST_NAME] or None if name else None


def _sane(tokens: int | None) -> int:
    return tokens if tokens and 0 < tokens < _MOST_TOKENS else 0


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
