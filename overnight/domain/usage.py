"""Tokens, counted the way OpenAI counts them, and cut up the way they are charged for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import add, attrgetter


class TokenKind(StrEnum):
    """What tokens may cost differently for. Every token of an answer is of exactly one kind."""

    INPUT = "input"
    CACHED = "cached"
    CACHE_WRITTEN = "cache_written"
    CACHE_WRITTEN_1H = "cache_written_1h"
    INPUT_AUDIO = "input_audio"
    CACHED_AUDIO = "cached_audio"
    CACHED_IMAGE = "cached_image"
    INPUT_IMAGE = "input_image"
    INPUT_VIDEO = "input_video"
    OUTPUT = "output"
    REASONING = "reasoning"
    OUTPUT_AUDIO = "output_audio"
    OUTPUT_IMAGE = "output_image"
    OUTPUT_VIDEO = "output_video"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used by one or many lines, as the provider reported them.

    `cached`, `cache_written` and those of audio, images and video that were read are parts of `input`;
    `reasoning` and those of audio, images and video that were made are parts of `output`. `cached_audio` is
    part of both `cached` and `input_audio`, `cached_image` of `cached` and `input_image`, and
    `cache_written_1h`, which is kept for an hour, of `cache_written`.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    cache_written: int = 0
    cache_written_1h: int = 0
    input_audio: int = 0
    cached_audio: int = 0
    input_image: int = 0
    input_video: int = 0
    output_audio: int = 0
    output_image: int = 0
    cached_image: int = 0
    output_video: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*map(add, self.counts, other.counts))

    @property
    def counts(self) -> tuple[int, ...]:
        """All fields, in their order."""
        # As astuple, which copies deeply and takes as long as everything else that is done to a line.
        return _all_fields(self)

    def reported(self) -> dict[str, int]:
        """Return the fields that are not 0, by their names."""
        return {name: count for name, count in zip(USAGE_FIELDS, self.counts, strict=True) if count}

    def by_kind(self) -> dict[TokenKind, int]:
        """Return how many tokens there are of each kind, leaving out those there are none of.

        They add up to `total`, even where a provider reports parts that exceed their whole.
        """
        cached = self.cached - self.cached_audio - self.cached_image
        read = (
            (TokenKind.CACHED_AUDIO, self.cached_audio),
            (TokenKind.CACHED_IMAGE, self.cached_image),
            (TokenKind.CACHED, cached),
            (TokenKind.CACHE_WRITTEN_1H, self.cache_written_1h),
            (TokenKind.CACHE_WRITTEN, self.cache_written - self.cache_written_1h),
            (TokenKind.INPUT_AUDIO, self.input_audio - self.cached_audio),
            (TokenKind.INPUT_IMAGE, self.input_image - self.cached_image),
            (TokenKind.INPUT_VIDEO, self.input_video),
        )
        made = (
            (TokenKind.OUTPUT_AUDIO, self.output_audio),
            (TokenKind.OUTPUT_IMAGE, self.output_image),
            (TokenKind.OUTPUT_VIDEO, self.output_video),
            (TokenKind.REASONING, self.reasoning),
        )
        return _cut(self.input, read, TokenKind.INPUT) | _cut(self.output, made, TokenKind.OUTPUT)


def _cut(whole: int, parts: Iterable[tuple[TokenKind, int]], rest: TokenKind) -> dict[TokenKind, int]:
    """Return the parts that are taken off a whole, one after the other, and what is left of it then."""
    taken: dict[TokenKind, int] = {}
    for kind, part in parts:
        if part > 0 and whole > 0:
            taken[kind] = min(part, whole)
            whole -= taken[kind]
    if whole:
        taken[rest] = whole
    return taken


USAGE_FIELDS: tuple[str, ...] = tuple(Usage.__slots__)
_all_fields: Callable[[Usage], tuple[int, ...]] = attrgetter(*USAGE_FIELDS)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many lines there are, and how many have ended well or badly."""

    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        """Lines with an outcome."""
        return self.completed + self.failed

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.total + other.total, self.completed + other.completed, self.failed + other.failed)
