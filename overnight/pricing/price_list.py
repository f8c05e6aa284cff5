"""The prices that providers publish, as `genai-prices` keeps them: looked up, and put in our own words.

What is looked up once is applied to every line by `charging`, since the list's own arithmetic costs more a
line than the lane that sends it. Source: github.com/pydantic/genai-prices.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.price import PLACES, Price, Rates
from overnight.domain.usage import TokenKind

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

PACKAGE = "genai-prices"
_PROVIDERS = {"openai": "openai", "azure": "azure", "vertex_ai": "google"}
_BATCH = {"processing": "batch"}
_MILLION = Decimal(1_000_000)

BATCH_DISCOUNT = Decimal("0.5")
"""What OpenAI, Azure (Global Batch) and Vertex AI take off for batches, by their own price pages. The list
has most models' batch prices itself, but not all."""

_KEYS: Mapping[TokenKind, tuple[str, ...]] = {
    TokenKind.INPUT: ("input_mtok",),
    TokenKind.CACHED: ("cache_read_mtok", "input_mtok"),
    TokenKind.CACHE_WRITTEN: ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    TokenKind.CACHE_WRITTEN_1H: ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    TokenKind.INPUT_AUDIO: ("input_audio_mtok",),
    TokenKind.CACHED_AUDIO: ("cache_audio_read_mtok", "input_audio_mtok"),
    TokenKind.CACHED_IMAGE: ("cache_image_read_mtok", "input_image_mtok", "cache_read_mtok", "input_mtok"),
    TokenKind.INPUT_IMAGE: ("input_image_mtok", "input_mtok"),
    TokenKind.INPUT_VIDEO: ("input_video_mtok", "input_mtok"),
    TokenKind.OUTPUT: ("output_mtok",),
    TokenKind.REASONING: ("output_reasoning_mtok", "output_mtok"),
    TokenKind.OUTPUT_AUDIO: ("output_audio_mtok",),
    TokenKind.OUTPUT_IMAGE: ("output_image_mtok",),
    TokenKind.OUTPUT_VIDEO: ("output_video_mtok",),
}
"""Where the list has no price of its own for a kind, what is charged instead, first things first. Audio, and
images and video that a model makes, cost many times its text, so those are never charged as text."""

_ONE_PRICE_FOR_ALL_INPUT: Mapping[TokenKind, tuple[str, ...]] = {
    TokenKind.INPUT_AUDIO: ("input_audio_mtok", "input_mtok"),
    TokenKind.CACHED_AUDIO: ("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
}
"""Google's, which names audio where it costs something else, and otherwise has one price for all input."""

_NOT_BY_TOKENS = frozenset({"requests_kcount", "input_mchars", "audio_hours", "input_audio_hours"})


class NotListed(Exception):
    """The list has no price; its message says why."""


def list_price(
    deployment: Deployment, models: Iterable[str], *, at: datetime, service_tier: str | None = None
) -> Price:
    """Return what the first of `models` that is listed costs at a deployment at that time.

    It is the batch price in the native lane, and where lines are sent by themselves that of the service tier,
    None being the usual one. Raises NotListed. The first call loads the list, which takes half a second.
    """
    snapshot, names = _snapshot(), list(dict.fromkeys(models))
    provider_id = _provider_id(snapshot, deployment)
    for name in names:
        try:
            provider, model = snapshot.find_provider_model(name, None, provider_id, None)
        except LookupError:
            continue
        if service_tier is not None:
            return _tier_price(provider, model, service_tier, at=at)
        return _price(provider, model, native=deployment.lane is BatchLane.NATIVE, at=at)
    raise NotListed(f"the price list has no {' or '.join(names) or 'model without a name'} of {provider_id}")


def load_price_list() -> None:
    """Load the list now, so that the first price does not have to wait for it. Blocks for half a second."""
    _snapshot()


def _provider_id(snapshot: "DataSnapshot", deployment: Deployment) -> str:
    """Return whose prices hold: whoever is known at the address, or the one that a batch API belongs to."""
    try:
        return snapshot.find_provider(None, None, deployment.api_base).id
    except LookupError:
        if deployment.lane is BatchLane.LINES:
            # It may be anybody's server, and the name of its model anybody's choice.
            raise NotListed("the server is nobody's on the price list") from None
        return _PROVIDERS[deployment.provider]


def _price(provider: "Provider", model: "ModelInfo", *, native: bool, at: datetime) -> Price:
    has_batch_price = _has_price(provider, model, _BATCH, at=at)
    found = model.get_prices(at, _BATCH if native and has_batch_price else None)
    discount = BATCH_DISCOUNT if native and not has_batch_price else None
    if discount and provider.id not in _PROVIDERS.values():
        raise NotListed(f"the price list has no batch price of {provider.id}'s {model.id}")
    return Price(
        source=f"{PACKAGE} {_version()}",
        model=f"{provider.id}/{model.id}",
        rates=_rates(found, provider, model, part=1 - (discount or Decimal(0))),
        discount=discount,
    )


def _tier_price(provider: "Provider", model: "ModelInfo", tier: str, *, at: datetime) -> Price:
    context = {"service_tier": tier}
    if not _has_price(provider, model, context, at=at):
        raise NotListed(f"the price list has no {tier} price of {provider.id}'s {model.id}")
    return Price(
        source=f"{PACKAGE} {_version()}",
        model=f"{provider.id}/{model.id}",
        rates=_rates(model.get_prices(at, context), provider, model),
        service_tier=tier,
    )


def _has_price(provider: "Provider", model: "ModelInfo", context: Mapping[str, str], *, at: datetime) -> bool:
    # A provider that resells another's model has its usual price from there, but no other.
    if not any(each is model for each in provider.models):
        return False
    variants = [each for each in model.price_variants or () if each.when == context]
    return any(each.constraint is None or each.constraint.active(at) for each in variants)


def _rates(
    found: "ModelPrice", provider: "Provider", model: "ModelInfo", *, part: Decimal = Decimal(1)
) -> tuple[Rates, ...]:
    prices = {key: value for key, value in vars(found).items() if value is not None}
    if unusual := sorted(_NOT_BY_TOKENS & prices.keys()):
        raise NotListed(f"{model.id} is not charged by tokens alone ({', '.join(unusual)})")
    keys = {**_KEYS, **_ONE_PRICE_FOR_ALL_INPUT} if provider.id == "google" else _KEYS
    return tuple(_by_length(prices, keys, part=part))


def _by_length(
    prices: Mapping[str, object], keys: Mapping[TokenKind, tuple[str, ...]], *, part: Decimal
) -> Iterator[Rates]:
    bounds = {start for value in prices.values() for start, _ in _tiers(value)}
    for above in sorted({0, *bounds}):
        usd: dict[TokenKind, Decimal] = {}
        for kind, alternatives in keys.items():
            key = next((key for key in alternatives if key in prices), None)
            if key is not None:
                # Some of the list's prices are binary fractions, written out: 0.18000000000000002.
                usd[kind] = round(_above(prices[key], above) / _MILLION * part, PLACES)
        yield Rates(above=above, usd=usd)


def _above(value: object, above: int) -> Decimal:
    rate = value if isinstance(value, Decimal) else Decimal(getattr(value, "base"))  # noqa: B009 - not typed here
    for start, price in _tiers(value):
        if start <= above:
            rate = price
    return rate


def _tiers(value: object) -> list[tuple[int, Decimal]]:
    return [(tier.start, tier.price) for tier in getattr(value, "tiers", ())]


def _snapshot() -> "DataSnapshot":
    # A megabyte of Python and forty of memory, that only those who price are to load.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    return get_snapshot()


@cache
def _version() -> str:
    return version(PACKAGE)
