"""Tokens, counted the way OpenAI's Batch object counts them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used by one or many lines. `cached` is part of `input`, `reasoning` part of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


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
