"""What the requests of an input ask for, by a look at some of the lines as they go by."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from overnight.domain.endpoint import Endpoint
from overnight.domain.estimate import Demand
from overnight.jsonl.requests import UNDECODABLE
from overnight.pricing.approximating import approximate_tokens

FIRST_LINES = 256
LINES_A_SLAB = 6
"""How many lines are looked at: all of a small input, and of each slab of a large one those that stand evenly
apart. It is decoding them that takes time."""

_A_MESSAGE = 4
"""Tokens that a message costs beside what it says, as OpenAI's and others' chat templates have them."""

_AN_IMAGE = 800
"""Tokens of an image. They depend on its size, which nobody looks up here; most are between 85 and 1,500."""

_NOT_TEXT = frozenset({"image_url", "input_audio", "file", "file_data", "data", "url", "source"})
_MOST = 10**9
_MOST_CHOICES = 10**4
"""Nobody means more; numbers beyond these are nonsense, which an estimate is not to fail over."""

_WRITING_NOTHING = frozenset({Endpoint.EMBEDDINGS, Endpoint.MODERATIONS})
_BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class _Line(msgspec.Struct):
    body: dict[str, msgspec.Raw]


_decode_line = msgspec.json.Decoder(_Line).decode


class DemandMeter:
    """Looks at lines for an endpoint, slab by slab."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._writes = endpoint not in _WRITING_NOTHING
        self._lines = self._seen = self._seen_bytes = self._bytes = 0
        self._tokens = 0.0
        self._allowed = 0
        self._unbounded = False

    def look(self, lines: Sequence[bytes | bytearray]) -> None:
        """Take in the next lines; blank ones and those that are no requests count for nothing."""
        step = 1 if self._lines < FIRST_LINES else max(1, len(lines) // LINES_A_SLAB)
        self._lines += len(lines)
        self._bytes += sum(map(len, lines))
        for line in lines[::step]:
            self._look_at(line)

    def demand(self, requests: int) -> Demand:
        """Return what all requests, of which there are so many, ask for."""
        if not self._seen:
            return Demand(requests=requests)
        tokens = self._tokens * self._bytes / self._seen_bytes
        allowed = None if self._unbounded else self._allowed * requests // self._seen
        return Demand(requests=requests, input_tokens=round(tokens), max_output_tokens=allowed)

    def _look_at(self, line: bytes | bytearray) -> None:
        try:
            body = _decode_line(line).body
            tokens = sum(_tokens_of(body))
            bound = _bound(body) if self._writes else 0
        except UNDECODABLE:
            # What is wrong with it is for the inspector to say.
            return
        self._seen += 1
        self._seen_bytes += len(line)
        self._tokens += tokens
        if bound is None:
            self._unbounded = True
        else:
            self._allowed += bound


def _bound(body: dict[str, msgspec.Raw]) -> int | None:
    """Return how many tokens a request lets the model write; None if it does not say."""
    told = [msgspec.json.decode(body[name]) for name in _BOUNDS if name in body]
    bounds = [bound for bound in told if isinstance(bound, int) and bound > 0]
    choices = msgspec.json.decode(body["n"]) if "n" in body else 1
    several = choices if isinstance(choices, int) and choices > 0 else 1
    return min(bounds[0], _MOST) * min(several, _MOST_CHOICES) if bounds else None


def _tokens_of(body: dict[str, msgspec.Raw]) -> Iterator[float]:
    for name in ("messages", "input", "prompt", "instructions"):
        if name in body:
            yield from _in(msgspec.json.decode(body[name]))
    for name in ("tools", "response_format"):
        if name in body:
            yield approximate_tokens(bytes(body[name]).decode(errors="replace"))


def _in(value: Any) -> Iterator[float]:  # noqa: ANN401 - any JSON
    match value:
        case str():
            yield approximate_tokens(value)
        case int():
            # A prompt may be given as tokens.
            yield 1
        case list():
            for each in value:
                yield from _in(each)
        case dict():
            yield _A_MESSAGE if "role" in value else 0
            yield _AN_IMAGE if "image_url" in value else 0
            for name, each in value.items():
                if name not in _NOT_TEXT and name not in ("role", "type", "id"):
                    yield from _in(each)
        case _:
            return
