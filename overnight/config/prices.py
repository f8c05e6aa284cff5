"""The prices an operator declares for a deployment, in LiteLLM's words."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from overnight.config.schema import Prices
from overnight.domain.deployment import BatchLane
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.usage import TokenKind

LONG_PROMPT = 200_000
"""Tokens of input above which LiteLLM's `…_above_200k_tokens` hold."""

_LONG = "_above_200k_tokens"
_INPUT = ("input_cost_per_token",)
_OUTPUT = ("output_cost_per_token",)
_CACHED = ("cache_read_input_token_cost",)
_IMAGE = ("input_cost_per_image_token", *_INPUT)
_WRITING = ("cache_creation_input_token_cost", *_INPUT)
_KEYS: Mapping[TokenKind, tuple[str, ...]] = {
    TokenKind.INPUT: _INPUT,
    TokenKind.CACHED: (*_CACHED, *_INPUT),
    TokenKind.CACHE_WRITTEN: _WRITING,
    TokenKind.CACHE_WRITTEN_1H: ("cache_creation_input_token_cost_above_1hr", *_WRITING),
    TokenKind.INPUT_AUDIO: ("input_cost_per_audio_token", *_INPUT),
    TokenKind.CACHED_AUDIO: (
        "cache_read_input_audio_token_cost",
        *_CACHED,
        "input_cost_per_audio_token",
        *_INPUT,
    ),
    TokenKind.CACHED_IMAGE: ("cache_read_input_image_token_cost", *_CACHED, *_IMAGE),
    TokenKind.INPUT_IMAGE: _IMAGE,
    TokenKind.INPUT_VIDEO: _INPUT,
    TokenKind.OUTPUT: _OUTPUT,
    TokenKind.REASONING: ("output_cost_per_reasoning_token", *_OUTPUT),
    TokenKind.OUTPUT_AUDIO: ("output_cost_per_audio_token", *_OUTPUT),
    TokenKind.OUTPUT_IMAGE: ("output_cost_per_image_token", *_OUTPUT),
    # Not what text costs, which is less: whoever declares no price of video has declared none.
    TokenKind.OUTPUT_VIDEO: ("output_cost_per_video_token",),
}
"""By which keys a kind of token is charged, the most particular first."""

_LANES = {BatchLane.NATIVE: ("_batches", ""), BatchLane.LINES: ("", "_batches")}
"""A batch price is for the provider's batch API; where there is only the other, that is taken as it is."""


_TIERS = {"flex": "_flex", "priority": "_priority", "fast": "_priority"}
"""By which keys answers of a service tier are charged; two of them have one price, as at LiteLLM."""


def declared_price(*sources: Prices, lane: BatchLane) -> Price | None:
    """Return the price in the first of `sources` that has one. A side that it does not give is not known."""
    given = _given(sources, lane)
    return _price(given, lane) if given else None


def declared_tiers(*sources: Prices, lane: BatchLane) -> dict[str, Price]:
    """Return what that price is for answers of a service tier, where it says so. A batch API has no tiers."""
    given = _given(sources, lane)
    return {
        tier: replace(_price(given, lane, ending), service_tier=tier)
        for tier, ending in _TIERS.items()
        if lane is BatchLane.LINES and any(name.endswith(ending) for name in given)
    }


def _given(sources: Iterable[Prices], lane: BatchLane) -> Mapping[str, Decimal]:
    """Return the keys of the first that has a price, by their names."""
    for source in sources:
        given = {name: value for name, value in source if name in Prices.model_fields and value is not None}
        if _rates(given, _LANES[lane]):
            return given
    return {}


def _price(given: Mapping[str, Decimal], lane: BatchLane, tier: str | None = None) -> Price:
    endings = _LANES[lane] if tier is None else (tier, *_LANES[lane])
    usual = _rates(given, endings)
    # As LiteLLM does: a batch price holds for any length unless there is one for long prompts in batches.
    long = _rates(given, [each for ending in endings for each in (_LONG + ending, ending)])
    rates = [Rates(usd=usual)]
    if any(usual.get(kind) != rate for kind, rate in long.items()):
        rates.append(Rates(usd=long, above=LONG_PROMPT))
    return Price(source=DECLARED, rates=tuple(rates))


def _rates(given: Mapping[str, Decimal], endings: Iterable[str]) -> dict[TokenKind, Decimal]:
    found: dict[TokenKind, Decimal] = {}
    for kind, keys in _KEYS.items():
        spelled = (f"{key}{ending}" for key in keys for ending in endings)
        rate = next((given[name] for name in spelled if name in given), None)
        if rate is not None:
            found[kind] = rate
    return found
