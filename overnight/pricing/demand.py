"""What the requests of an input ask for, by a look at some of the lines as they go by."""

from collections.abc import Mapping, Sequence
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

AN_IMAGE, SMALL_IMAGE, LARGE_IMAGE = 800, 85, 1_500
"""Tokens of an image. They depend on its size, which nobody looks up here; most are between the other two."""

_UNREAD = frozenset(
    {"input_audio", "audio_url", "video_url", "file", "file_data", "file_id", "file_url", "source"}
)
"""What is no text. How many tokens it has depends on how long it lasts, or on what is somewhere else."""

_UNREAD_OF_A_BODY = frozenset({"previous_response_id", "conversation", "cached_content"})
_IMAGES = frozenset({"image", "image_url", "input_image"})
_NOT_READ = _UNREAD | {"image_url", "data", "url", "role", "type", "id"}
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
        self._images = 0
        self._unread = False
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
        part = self._bytes / self._seen_bytes
        return Demand(
            requests=requests,
            input_tokens=round(self._tokens * part),
            images=round(self._images * part),
            unread=self._unread,
            max_output_tokens=None if self._unbounded else self._allowed * requests // self._seen,
        )

    def _look_at(self, line: bytes | bytearray) -> None:
        try:
            body = _decode_line(line).body
            found = _Found.in_body(body)
            bound = _bound(body) if self._writes else 0
        except UNDECODABLE:
            # What is wrong with it is for the inspector to say.
            return
        self._seen += 1
        self._seen_bytes += len(line)
        self._tokens += found.tokens
        self._images += found.images
        # A request without any input is one whose input is not seen.
        self._unread = self._unread or found.unread or not found.tokens
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


class _Found:
    """What a request has for its model to read."""

    def __init__(self) -> None:
        self.tokens = 0.0
        self.images = 0
        self.unread = False

    @classmethod
    def in_body(cls, body: Mapping[str, msgspec.Raw]) -> "_Found":
        found = cls()
        found.unread = not _UNREAD_OF_A_BODY.isdisjoint(body)
        for name in ("messages", "input", "prompt", "instructions"):
            if name in body:
                value = msgspec.json.decode(body[name])
                # A prompt that is kept at the provider is an object here.
                found.unread = found.unread or isinstance(value, dict)
                found._add(value)
        for name in ("tools", "response_format"):
            if name in body:
                found.tokens += approximate_tokens(bytes(body[name]).decode(errors="replace"))
        return found

    def _add(self, value: Any) -> None:  # noqa: ANN401 - any JSON
        match value:
            case str():
                self.tokens += approximate_tokens(value)
            case int():
                # A prompt may be given as tokens.
                self.tokens += 1
            case list():
                for each in value:
                    self._add(each)
            case dict():
                self._add_part(value)
            case _:
                return

    def _add_part(self, part: dict[str, Any]) -> None:
        if "role" in part:
            self.tokens += _A_MESSAGE
        if "image_url" in part or part.get("type") in _IMAGES:
            self.images += 1
            self.tokens += AN_IMAGE
        elif not _UNREAD.isdisjoint(part):
            self.unread = True
        for name, each in part.items():
            if name not in _NOT_READ:
                self._add(each)
