"""Our sum over the list's prices, against the list's own, and what holds on which day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider, TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.domain.deployment import Deployment
from overnight.domain.price import PLACES
from overnight.domain.usage import TokenKind, Usage
from overnight.pricing import charge, quote
from overnight.pricing.price_list import NotListed, list_price
from tests.overnight.pricing.models import AT, azure, endpoint, openai, vertex
from tests.overnight.translate.fuzzing import PATIENT

NATIVE = {"openai": openai, "google": vertex}
_ANTHROPIC = partial(endpoint, "https://api.anthropic.com/v1")
_TIERS = 200_000, 200_001, 272_000, 272_001


def _theirs() -> Iterator[tuple[Provider, ModelInfo, Deployment]]:
    """Models of three providers that the list finds by their own names, and where they run."""
    snapshot = get_snapshot()
    for provider in snapshot.providers:
        for model in provider.models if provider.id in {"openai", "google", "anthropic"} else ():
            deployed = NATIVE.get(provider.id, _ANTHROPIC)(model.id)
            try:
                list_price(deployed, [model.id], at=AT)
                found = snapshot.find_provider_model(model.id, None, provider.id, None)[1]
            except (NotListed, LookupError):
                continue
            if found is model:
                yield provider, model, deployed


THEIRS = [*_theirs()]


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usage whose parts are no more than their wholes, as the list insists on."""
    whole = draw(st.integers(1, 10**6) | st.sampled_from(_TIERS))
    cached = draw(st.integers(0, whole))
    written = draw(st.integers(0, whole - cached))
    kept = draw(st.integers(0, written))
    heard = draw(st.integers(0, whole - cached - written))
    seen = draw(st.integers(0, whole - cached - written - heard))
    cached_audio = draw(st.integers(0, cached))
    cached_image = draw(st.integers(0, cached - cached_audio))
    made = draw(st.integers(0, 10**6))
    thought = draw(st.integers(0, made))
    return Usage(
        input=whole,
        cached=cached,
        cache_written=written,
        cache_written_1h=kept,
        input_audio=heard + cached_audio,
        cached_audio=cached_audio,
        input_image=seen + cached_image,
        cached_image=cached_image,
        output=made,
        reasoning=thought,
        output_video=draw(st.integers(0, made - thought) | st.just(0)),
    )


def same(usage: Usage) -> TheirUsage:
    """The same usage in the list's words; a cache that is kept has no other name for what is not."""
    return TheirUsage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_written,
        cache_write_1h_tokens=usage.cache_written_1h,
        input_audio_tokens=usage.input_audio,
        cache_audio_read_tokens=usage.cached_audio,
        input_image_tokens=usage.input_image,
        cache_image_read_tokens=usage.cached_image,
        output_tokens=usage.output,
        output_video_tokens=usage.output_video,
    )


@settings(PATIENT, max_examples=300)
@given(st.sampled_from(THEIRS), usages())
def test_a_charge_is_what_the_list_would_charge(
    theirs: tuple[Provider, ModelInfo, Deployment], usage: Usage
) -> None:
    provider, model, deployment = theirs
    price = list_price(deployment, [model.id], at=AT)
    made = charge(usage, price)
    if made.reason is not None:
        # Some kind has no price of its own, and is not charged as something cheaper.
        assert any(usage.by_kind().keys() - rates.usd.keys() for rates in price.rates)
        return
    batch = None if provider.id == "anthropic" or price.discount else {"processing": "batch"}
    expected = model.calc_price(
        same(usage),
        provider,
        genai_request_timestamp=AT,
        price_context=batch,  # type: ignore[arg-type]
    )
    assert made.total == expected.total_price * (1 - (price.discount or Decimal(0)))


def test_most_models_are_compared_with_the_list() -> None:
    found = [list_price(deployment, [model.id], at=AT) for _, model, deployment in THEIRS]
    assert len(found) > 150
    assert sum(price.discount is None for price in found) > 50
    assert sum(len(price.rates) > 1 for price in found) > 5


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        # o3 cost $10 a million until it came down to $2; half is published for batches.
        (datetime(2025, 6, 9, tzinfo=UTC), Decimal("0.000005")),
        (datetime(2025, 6, 10, tzinfo=UTC), Decimal("0.000001")),
        # From here on the list knows the batch price itself.
        (AT, Decimal("0.000001")),
    ],
)
def test_a_price_is_that_of_the_day(day: datetime, rate: Decimal) -> None:
    (rates,) = list_price(openai("o3"), ["o3"], at=day).rates
    assert rates.usd[TokenKind.INPUT] == rate


def test_what_is_published_for_all_batches_gives_way_to_the_list_s_own_batch_price() -> None:
    last, first = datetime(2026, 10, 13, tzinfo=UTC), datetime(2026, 10, 14, tzinfo=UTC)
    published = list_price(openai("o3"), ["o3"], at=last)
    own = list_price(openai("o3"), ["o3"], at=first)
    assert (published.discount, own.discount) == (Decimal("0.5"), None)
    # Off everything, and off what the list says is cheaper in batches.
    assert published.rates[0].usd[TokenKind.CACHED] == Decimal("0.00000025")
    assert own.rates[0].usd[TokenKind.CACHED] == Decimal("0.0000005")


def test_the_first_name_that_is_listed_counts_and_an_id_says_which_prices_are_alike() -> None:
    by_version = list_price(openai(), ["no-such-model", "gpt-4o-mini-2024-07-18"], at=AT)
    by_name = list_price(openai(), ["gpt-4o-mini"], at=AT)
    assert by_version.id == by_name.id
    assert by_version.model == "openai/gpt-4o-mini"
    assert by_version.source.startswith("genai-prices ")
    assert list_price(openai(), ["gpt-4o"], at=AT).id != by_name.id


def test_no_price_and_so_no_sum_has_more_places_than_are_kept() -> None:
    snapshot, seen = get_snapshot(), 0
    for provider in snapshot.providers:
        base = provider.api_pattern.replace("\\", "").replace("(api.)?", "").split("|")[0]
        for model in provider.models:
            try:
                price = list_price(endpoint(base, model.id), [model.id], at=AT)
            except NotListed:
                continue
            seen += 1
            amounts = [amount for rates in price.rates for amount in rates.usd.values()]
            assert all(_places(amount) <= PLACES for amount in amounts), (provider.id, model.id)
    assert seen > 500


def test_the_list_has_prices_with_too_many_places() -> None:
    """Or else the test before this one shows nothing."""
    prices = [
        amount
        for provider in get_snapshot().providers
        for model in provider.models
        for value in vars(model.get_prices(AT)).values()
        for amount in ([value.base] if isinstance(value, TieredPrices) else [value])
    ]
    assert any(_places(amount) > PLACES - 6 for amount in prices if isinstance(amount, Decimal))


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        (openai("no-such-model"), "the price list has no no-such-model of openai"),
        (azure("no-such-model"), "the price list has no no-such-model of azure"),
        (endpoint(), "the server is nobody's on the price list"),
        (openai("whisper-1"), "is not charged by tokens alone"),
    ],
)
def test_a_price_that_nobody_knows_is_none_and_says_why(deployment: Deployment, reason: str) -> None:
    quoted = quote(deployment, None, at=AT)
    assert quoted.price is None
    assert reason in (quoted.reason or "")
    assert (quoted.reason or "").endswith("; model_info of night has none")


def test_a_reseller_s_usual_price_is_not_its_batch_price() -> None:
    resold = openai("llama-3.3-70b-versatile", api_base="https://api.groq.com/openai/v1")
    with pytest.raises(NotListed, match="no batch price of groq's llama"):
        list_price(resold, ["llama-3.3-70b-versatile"], at=AT)


def _places(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
