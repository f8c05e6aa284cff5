"""A good line as a type: decoding into it checks everything but duplicates, at the speed of decoding."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from overnight.domain.endpoint import Endpoint
from overnight.jsonl.lines import Line
from overnight.jsonl.refusals import MAX_CUSTOM_ID_CHARS

Url = TypeVar("Url")
Body = TypeVar("Body")
Model = TypeVar("Model")


class AcceptedBody(msgspec.Struct, Generic[Model], frozen=True, gc=False):
    """What must be known of a body. A true `stream` is still to be refused."""

    model: Model
    stream: bool | None = None


class DefaultedBody(msgspec.Struct, Generic[Model], frozen=True, gc=False):
    """The same where a body that names no model means the batch's."""

    model: Model | None = None
    stream: bool | None = None


class AcceptedLine(msgspec.Struct, Generic[Url, Body], frozen=True, gc=False):
    """A line that is a request. Its types hold literals: the one URL and the one model of a batch."""

    custom_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CUSTOM_ID_CHARS)]
    method: Literal["POST"]
    url: Url
    body: Body


Decode = Callable[[Line], AcceptedLine[str, AcceptedBody[str]]]


def decoder_of(endpoint: Endpoint, *, model: str, may_be_unnamed: bool) -> Decode:
    """Return a function that decodes a good line of a batch, and raises for every other.

    It does not notice invalid UTF-8 in what it skips. `may_be_unnamed`: a body need not name `model`.
    """
    # A type checker knows only literals that stand in the source; msgspec takes those made here.
    literal: Any = Literal
    line: Any = AcceptedLine
    body: Any = DefaultedBody if may_be_unnamed else AcceptedBody
    decode: Decode = msgspec.json.Decoder(line[literal[endpoint.value], body[literal[model]]]).decode
    return decode
