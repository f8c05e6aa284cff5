"""What a batch is likely to use and cost, before it has cost anything."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the requests of an input ask for, by a look at some of them.

    `input_tokens` is an approximation; `images` are those that it has an average for. `unread` is whether
    they ask for something whose tokens nobody can tell by looking at it, which are not in it.
    `max_output_tokens` is what they allow together, and None if some of them set no bound.
    """

    requests: int = 0
    input_tokens: int = 0
    images: int = 0
    unread: bool = False
    max_output_tokens: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastUse:
    """One batch of the same model that all went well: what was approximated for it, and what it used."""

    requests: int
    approximated_input: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRange:
    """Tokens, from `low` to `high`. None is for what nothing is known of."""

    low: int
    likely: int | None
    high: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRange:
    """US dollars, in the same way."""

    low: Decimal
    likely: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The whole of it. `measured_on` counts the past batches that the range of input comes from.

    `error_low` and `error_high` are how far real input was from approximations, as parts of them (-0.1 is a
    tenth less); without past batches they are those of a benchmark.
    """

    requests: int
    input: TokenRange
    output: TokenRange
    error_low: float
    error_high: float
    measured_on: int
