"""A good line as a type: decoding into it checks everything but duplicates, at the speed of decoding."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from overnight.domain.endpoint import Endpoint
from overnight.jsonl.lines import Line
from overnight.jsonl.refusals import MAX_CUSTOM_ID_CHARS

Url = TypeVar("Url")
Model = TypeVar("Model")


class AcceptedBody(msgspec.Struct, Generic[Model], frozen=True, gc=False):
    """What must be known of a body. A true `stream` is still to be refused."""

    model: Model
    stream: bool | None = None


class AcceptedLine(msgspec.Struct, Generic[Url, Model], frozen=True, gc=False):
    """A line that is a request. Its type arguments are literals: the one URL and the one model of a batch."""

    custom_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CUSTOM_ID_CHARS)]
    method: Literal["POST"]
    url: Url
    body: AcceptedBody[Model]


def decoder_of(endpoint: Endpoint, *, model: str) -> Callable[[Line], AcceptedLine[str, str]]:
    """Return a function that decodes a good line of a batch, and raises for every other.

    It does not notice invalid UTF-8 in what it skips.
    """
    # A type checker knows only literals that stand in the source; msgspec takes those made here.
    generic: Any = AcceptedLine
    literal: Any = Literal
    line_type = generic[literal[endpoint.value], literal[model]]
    decode: Callable[[Line], AcceptedLine[str, str]] = msgspec.json.Decoder(line_type).decode
    return decode
