"""Prices an operator declares: which key is for which token, in which lane."""

from decimal import Decimal

import pytest

from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.errors import InvalidConfig
from overnight.domain.price import DECLARED
from overnight.domain.usage import TokenKind, Usage
from overnight.pricing import charge
from tests.overnight.config.conftest import Load

ALL_KINDS = set(TokenKind)


def deployment(load: Load, info: dict[str, str], *, lane: str = "lines", params: str = "") -> Deployment:
    """One with this model_info."""
    told = ", ".join(f"{key}: {value}" for key, value in info.items())
    settings = load(
        f"""
        model_list:
          - model_name: m
            litellm_params: {{model: openai/m, api_base: "http://a/v1", batch_lane: {lane}{params}}}
            model_info: {{{told}}}
        """
    )
    return settings.deployments[0]


def rates(load: Load, info: dict[str, str], *, lane: str = "lines") -> dict[str, str]:
    """What each kind costs in ordinary requests."""
    price = deployment(load, info, lane=lane).price
    assert price is not None
    assert (price.source, price.discount) == (DECLARED, None)
    return {kind: f"{rate:f}" for kind, rate in price.rates[0].usd.items()}


EACH = {
    "input_cost_per_token": "1",
    "cache_read_input_token_cost": "2",
    "cache_creation_input_token_cost": "3",
    "cache_creation_input_token_cost_above_1hr": "4",
    "input_cost_per_audio_token": "5",
    "input_cost_per_image_token": "6",
    "output_cost_per_token": "7",
    "output_cost_per_reasoning_token": "8",
    "output_cost_per_audio_token": "9",
    "output_cost_per_image_token": "10",
    "output_cost_per_video_token": "11",
}


def test_every_key_is_for_its_kind_of_token(load: Load) -> None:
    assert rates(load, EACH) == {
        "input": "1",
        "cached": "2",
        "cache_written": "3",
        "cache_written_1h": "4",
        "input_audio": "5",
        # Audio from the cache is from the cache first of all.
        "cached_audio": "2",
        "cached_image": "2",
        "input_image": "6",
        "input_video": "1",
        "output": "7",
        "reasoning": "8",
        "output_audio": "9",
        "output_image": "10",
        "output_video": "11",
    }


def test_what_has_no_key_of_its_own_costs_what_its_side_costs(load: Load) -> None:
    found = rates(load, {"input_cost_per_token": "1", "output_cost_per_token": "7"})
    assert found.keys() == ALL_KINDS - {"output_video"}
    output = {"output", "reasoning", "output_audio", "output_image"}
    assert {kind for kind, rate in found.items() if rate == "7"} == output
    assert {kind for kind, rate in found.items() if rate == "1"} == found.keys() - output


def test_a_side_that_is_not_declared_is_not_known(load: Load) -> None:
    price = deployment(load, {"output_cost_per_token": "7"}).price
    assert price is not None
    assert charge(Usage(input=1, output=2), price).reason == "no price is known for input"
    assert charge(Usage(output=2), price).reason == "the answer does not say how many tokens it read"


def test_nothing_declared_is_no_price_and_zero_is_one(load: Load) -> None:
    assert deployment(load, {}).price is None
    assert deployment(load, {"mode": "batch"}).price is None
    assert rates(load, {"input_cost_per_token": "0"})["input"] == "0"


BOTH = {
    "input_cost_per_token": "4",
    "input_cost_per_token_batches": "2",
    "output_cost_per_token": "8",
    "output_cost_per_token_batches": "6",
}


@pytest.mark.parametrize(
    ("lane", "info", "expected"),
    [
        ("native", BOTH, ("2", "6")),
        ("lines", BOTH, ("4", "8")),
        # Where there is only the other one, that is taken as it is.
        ("native", {"input_cost_per_token": "4", "output_cost_per_token_batches": "6"}, ("4", "6")),
        ("lines", {"input_cost_per_token": "4", "output_cost_per_token_batches": "6"}, ("4", "6")),
    ],
)
def test_a_lane_has_its_own_price_first(
    load: Load, lane: str, info: dict[str, str], expected: tuple[str, str]
) -> None:
    assert deployment(load, info, lane=lane).lane is BatchLane(lane)
    found = rates(load, info, lane=lane)
    assert (found["input"], found["output"]) == expected
    # What falls back on its side falls back on the lane's price for it.
    assert (found["cached"], found["reasoning"]) == expected


def test_a_long_prompt_has_prices_of_its_own(load: Load) -> None:
    info = {
        "input_cost_per_token": "1",
        "output_cost_per_token": "2",
        "cache_read_input_token_cost": "0.5",
        "input_cost_per_token_above_200k_tokens": "10",
        "cache_creation_input_token_cost_above_200k_tokens": "30",
    }
    price = deployment(load, info).price
    assert price is not None
    usual, long = price.rates
    assert (usual.above, long.above) == (0, 200_000)
    told = {kind: f"{rate:f}" for kind, rate in long.usd.items()}
    assert (told["input"], told["input_audio"], told["cache_written"]) == ("10", "10", "30")
    # What is not said to be dearer costs what it always does.
    assert (told["output"], told["cached"]) == ("2", "0.5")
    assert charge(Usage(input=200_000, output=1), price).total == 200_002
    assert charge(Usage(input=200_001, output=1), price).total == 2_000_012


LONG_IN_BATCHES = {
    "input_cost_per_token": "4",
    "input_cost_per_token_above_200k_tokens": "8",
    "input_cost_per_token_batches": "2",
    "output_cost_per_token": "1",
}


@pytest.mark.parametrize(
    ("lane", "more", "long"),
    [
        ("lines", {}, "8"),
        # A batch price holds for any length, as in LiteLLM's own sums ...
        ("native", {}, None),
        # ... unless there is one for long prompts in batches.
        ("native", {"input_cost_per_token_above_200k_tokens_batches": "3"}, "3"),
        ("lines", {"input_cost_per_token_above_200k_tokens_batches": "3"}, "8"),
    ],
)
def test_a_long_prompt_in_a_batch_costs_the_batch_price(
    load: Load, lane: str, more: dict[str, str], long: str | None
) -> None:
    price = deployment(load, LONG_IN_BATCHES | more, lane=lane).price
    assert price is not None
    assert [f"{each.usd[TokenKind.INPUT]:f}" for each in price.rates[1:]] == ([long] if long else [])


def test_a_long_prompt_in_a_batch_costs_what_is_said_of_it_where_there_is_no_batch_price(load: Load) -> None:
    info = {name: usd for name, usd in LONG_IN_BATCHES.items() if not name.endswith("_batches")}
    price = deployment(load, info, lane="native").price
    assert price is not None
    assert price.rates[1].usd[TokenKind.INPUT] == 8


def test_the_cache_has_prices_for_audio_and_images_and_for_batches(load: Load) -> None:
    info = {
        "input_cost_per_token": "9",
        "cache_read_input_token_cost": "4",
        "cache_read_input_token_cost_batches": "2",
        "cache_read_input_audio_token_cost": "5",
        "cache_read_input_image_token_cost": "6",
    }
    found = rates(load, info, lane="native")
    assert (found["cached"], found["cached_audio"], found["cached_image"]) == ("2", "5", "6")


TIERS = {
    "input_cost_per_token": "4",
    "output_cost_per_token": "8",
    "input_cost_per_token_flex": "2",
    "output_cost_per_token_flex": "3",
    "input_cost_per_token_priority": "9",
    "input_cost_per_token_above_200k_tokens": "5",
}


def test_a_service_tier_has_prices_of_its_own_and_the_usual_ones_for_the_rest(load: Load) -> None:
    tiers = deployment(load, TIERS).tier_prices
    told = {
        tier: [
            (price.service_tier, f"{rates.usd[TokenKind.INPUT]:f}", f"{rates.usd[TokenKind.OUTPUT]:f}")
            for rates in price.rates
        ]
        for tier, price in tiers.items()
    }
    # OpenAI's `fast` is its `priority` by another name. A tier's price holds for any length.
    assert told == {
        "flex": [("flex", "2", "3")],
        "priority": [("priority", "9", "8")],
        "fast": [("fast", "9", "8")],
    }
    assert len({price.id for price in tiers.values()}) == 3


def test_there_are_no_tiers_where_nobody_declares_them_or_a_batch_api_runs_the_batch(load: Load) -> None:
    assert deployment(load, EACH).tier_prices == {}
    assert deployment(load, TIERS, lane="native").tier_prices == {}


def test_a_long_prompt_that_costs_no_more_has_no_prices_of_its_own(load: Load) -> None:
    info = {"input_cost_per_token": "1", "input_cost_per_token_above_200k_tokens": "1.0"}
    price = deployment(load, info).price
    assert price is not None
    assert len(price.rates) == 1


@pytest.mark.parametrize("where", ["info", "params"])
def test_a_base_model_is_read_in_either_section(load: Load, where: str) -> None:
    if where == "info":
        found = deployment(load, {"base_model": "gpt-4o"})
    else:
        found = deployment(load, {}, params=", base_model: gpt-4o")
    assert found.base_model == "gpt-4o"
    assert found.price is None


@pytest.mark.parametrize("key", EACH)
def test_a_price_with_more_places_than_sums_have_is_refused(load: Load, key: str) -> None:
    exact = f"0.{'0' * 17}1"
    price = deployment(load, {key: exact}).price
    assert price is not None
    assert Decimal(exact) in price.rates[0].usd.values()
    with pytest.raises(InvalidConfig) as caught:
        deployment(load, {key: f"0.{'0' * 18}1"})
    assert f"model_list[0].model_info.{key}" in caught.value.message
    assert "18 decimal places" in caught.value.message


def test_a_price_below_zero_is_refused(load: Load) -> None:
    with pytest.raises(InvalidConfig, match="input_cost_per_token"):
        deployment(load, {"input_cost_per_token": "-0.1"})


def test_a_deployment_with_a_price_can_be_a_key(load: Load) -> None:
    """Connections are kept by their deployments."""
    one, same = (deployment(load, EACH) for _ in range(2))
    assert {one: "its connection"}[same] == "its connection"
