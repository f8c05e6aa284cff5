"""What answers cost, worked out by hand. Rates are US dollars a million tokens, as `genai-prices` has them.

An answer is read as it lies in a checkpoint, so that reading, cutting up and charging are tried together.
"""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.price import DECLARED, Charge, Price, Rates
from overnight.domain.usage import TokenKind, Usage
from overnight.outcomes.answer import read_answer, spent_in
from overnight.pricing import charge, quote
from overnight.translate import ClaudeChat, GeminiChat
from overnight.translate.protocol import Reply
from tests.overnight.pricing.models import AT, BEFORE, azure, endpoint, openai, vertex
from tests.overnight.translate.results_corpus import KEY, answer, candidate, row, text

MILLION = 1_000_000


def charged(body: bytes | dict[str, Any], at: Deployment, *, on: datetime = AT) -> Charge:
    """What an answer costs at a deployment, as it says itself which model gave it."""
    reading = read_answer(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert reading is not None
    spent = spent_in(reading.body)
    quoted = quote(at, reading.model, at=on, service_tier=spent.service_tier)
    if quoted.price is None:
        return Charge(reason=quoted.reason)
    return charge(spent.usage, quoted.price)


def dollars(*parts: tuple[int, str]) -> Decimal:
    """Tokens at dollars a million."""
    return sum((tokens * Decimal(rate) / MILLION for tokens, rate in parts), Decimal(0))


def chat(model: str, *, prompt: int, completion: int, **details: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, **details}
    return {"model": model, "choices": [{"index": 0}], "usage": usage}


def test_openais_batch_price_is_taken_with_what_was_cached_and_thought() -> None:
    body = chat(
        "gpt-5-2025-08-07",
        prompt=1_000,
        completion=500,
        prompt_tokens_details={"cached_tokens": 600, "audio_tokens": 0},
        completion_tokens_details={"reasoning_tokens": 400},
    )
    made = charged(body, openai("gpt-5"))
    # In batches: $0.625 in, $0.0625 from the cache, $5 out, which thinking costs as well.
    assert made.usd == {
        TokenKind.CACHED: Decimal("0.0000375"),
        TokenKind.INPUT: Decimal("0.00025"),
        TokenKind.REASONING: Decimal("0.002"),
        TokenKind.OUTPUT: Decimal("0.0005"),
    }
    assert made.total == Decimal("0.0027875")
    assert made.total == dollars((600, "0.0625"), (400, "0.625"), (500, "5"))


def test_the_words_of_responses_come_to_the_same() -> None:
    body = {
        "object": "response",
        "model": "gpt-5-2025-08-07",
        "output": [{}],
        "usage": {
            "input_tokens": 1_000,
            "output_tokens": 500,
            "input_tokens_details": {"cached_tokens": 600},
            "output_tokens_details": {"reasoning_tokens": 400},
        },
    }
    assert charged(body, openai("gpt-5")).total == Decimal("0.0027875")


def test_a_cached_token_costs_what_the_list_says_where_its_batch_price_names_none() -> None:
    body = chat(
        "gpt-4o-mini-2024-07-18", prompt=100, completion=10, prompt_tokens_details={"cached_tokens": 40}
    )
    # $0.075 in and $0.30 out in batches; from the cache $0.075 as ever.
    assert charged(body, openai()).total == dollars((40, "0.075"), (60, "0.075"), (10, "0.3"))


def test_half_is_taken_off_everything_where_the_list_has_no_batch_price() -> None:
    body = chat(
        "gpt-4o-mini-2024-07-18", prompt=100, completion=10, prompt_tokens_details={"cached_tokens": 40}
    )
    quoted = quote(openai(), "gpt-4o-mini-2024-07-18", at=BEFORE)
    assert quoted.price is not None
    assert quoted.price.discount == Decimal("0.5")
    # Half of $0.075, $0.15 and $0.60.
    assert charged(body, openai(), on=BEFORE).total == Decimal("0.0000015") + Decimal("0.0000045") + Decimal(
        "0.000003"
    )


_lines = partial(openai, lane=BatchLane.LINES)


@pytest.mark.parametrize(
    ("tier", "rates"),
    [
        (None, ("0.125", "1.25", "10")),
        ("default", ("0.125", "1.25", "10")),
        ("flex", ("0.0625", "0.625", "5")),
        ("priority", ("0.25", "2.5", "20")),
        ("fast", ("0.25", "2.5", "20")),
    ],
)
def test_a_single_request_costs_what_its_service_tier_costs(
    tier: str | None, rates: tuple[str, str, str]
) -> None:
    body = chat("gpt-5", prompt=1_000, completion=100, prompt_tokens_details={"cached_tokens": 200})
    made = charged({**body, "service_tier": tier}, _lines("gpt-5"))
    cached, read, written = rates
    assert made.total == dollars((200, cached), (800, read), (100, written))


@pytest.mark.parametrize("tier", [None, "default", "flex", "priority", "no-such-tier"])
def test_a_batch_costs_the_batch_price_whatever_service_tier_an_answer_names(tier: str | None) -> None:
    body = chat("gpt-5", prompt=1_000, completion=100)
    assert charged({**body, "service_tier": tier}, openai("gpt-5")).total == dollars(
        (1_000, "0.625"), (100, "5")
    )


def test_a_tier_whose_price_nobody_knows_is_not_charged_as_the_usual_one() -> None:
    body = {**chat("gpt-4.1", prompt=1_000, completion=100), "service_tier": "flex"}
    no_price = "the price list has no flex price of openai's gpt-4.1; model_info of night has none"
    assert charged(body, _lines("gpt-4.1")) == Charge(reason=no_price)
    # A day before the list knows what tiers cost.
    early = {**chat("gpt-5", prompt=1_000, completion=100), "service_tier": "flex"}
    assert charged(early, _lines("gpt-5"), on=BEFORE).total is None


def test_a_declared_price_holds_for_every_tier_that_has_none_of_its_own() -> None:
    flex = replace(declared(input="2", output="3"), service_tier="flex")
    own = endpoint(price=declared(input="4", output="8"), tier_prices={"flex": flex})
    body = chat("m", prompt=10, completion=1)
    assert charged({**body, "service_tier": "flex"}, own).total == 23
    assert charged({**body, "service_tier": "priority"}, own).total == 48
    assert charged(body, own).total == 48


def test_images_from_the_cache_have_their_own_price() -> None:
    body = chat(
        "gpt-image-1",
        prompt=1_000,
        completion=0,
        prompt_tokens_details={
            "cached_tokens": 500,
            "cached_tokens_details": {"text_tokens": 100, "image_tokens": 400},
            "image_tokens": 700,
        },
    )
    # $1.25 for text from the cache and $2.50 for images; $10 for images and $5 for text that are new.
    assert charged(body, _lines("gpt-image-1")).usd == {
        TokenKind.CACHED_IMAGE: dollars((400, "2.5")),
        TokenKind.CACHED: dollars((100, "1.25")),
        TokenKind.INPUT_IMAGE: dollars((300, "10")),
        TokenKind.INPUT: dollars((200, "5")),
    }


def test_audio_that_was_heard_and_spoken_has_its_own_price() -> None:
    body = chat(
        "gpt-audio",
        prompt=300,
        completion=200,
        prompt_tokens_details={"audio_tokens": 250, "cached_tokens": 0},
        completion_tokens_details={"audio_tokens": 150, "reasoning_tokens": 0},
    )
    # Half of $2.50, $32, $10 and $64.
    assert charged(body, openai("gpt-audio")).total == dollars(
        (50, "1.25"), (250, "16"), (50, "5"), (150, "32")
    )


def test_audio_is_never_charged_as_text() -> None:
    body = chat("gpt-4o-mini", prompt=300, completion=200, completion_tokens_details={"audio_tokens": 150})
    assert charged(body, openai()) == Charge(reason="no price is known for output audio")
    heard = chat("gpt-4o-mini", prompt=300, completion=200, prompt_tokens_details={"audio_tokens": 1})
    assert charged(heard, openai()).reason == "no price is known for input audio"


def test_embeddings_have_only_input() -> None:
    body = {
        "object": "list",
        "data": [{"embedding": [0.5]}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 8_000, "total_tokens": 8_000},
    }
    # Half of $0.02.
    assert charged(body, openai("text-embedding-3-small")).usd == {TokenKind.INPUT: Decimal("0.00008")}


def test_azure_takes_half_off_and_what_its_owner_calls_a_deployment_is_no_model() -> None:
    body = chat(
        "gpt-4o-2024-08-06", prompt=1_000, completion=100, prompt_tokens_details={"cached_tokens": 200}
    )
    mine = azure("my-own-name")
    quoted = quote(mine, "gpt-4o-2024-08-06", at=AT)
    assert quoted.price is not None
    assert (quoted.price.model, quoted.price.discount) == ("azure/gpt-4o", Decimal("0.5"))
    # Half of $2.50, $1.25 and $10.
    assert charged(body, mine).total == dollars((800, "1.25"), (200, "0.625"), (100, "5"))


def test_a_base_model_says_what_an_answer_does_not() -> None:
    body = chat("my-own-name", prompt=1_000, completion=100)
    assert "no my-own-name of azure" in (charged(body, azure("my-own-name")).reason or "")
    assert charged(body, azure("my-own-name", base_model="gpt-4o")).total == dollars(
        (1_000, "1.25"), (100, "5")
    )
    # As people are used to write it, with the provider before it.
    assert charged(body, azure("my-own-name", base_model="azure/gpt-4o")).total == dollars(
        (1_000, "1.25"), (100, "5")
    )


def gemini(model: str, **usage: Any) -> bytes:
    """The body of a completion that a row of Vertex AI's is read as."""
    return _body(
        GeminiChat(model=model),
        row(answer(candidate(text("42")), modelVersion=model, usageMetadata=usage)),
    )


def claude(usage: dict[str, Any]) -> bytes:
    message = {
        "id": "msg_vrtx_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "42"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    found = {"custom_id": KEY, "request": {"messages": []}, "response": message, "status": ""}
    return _body(ClaudeChat(model="claude-sonnet-4-5@20250929"), found)


def _body(shape: GeminiChat | ClaudeChat, found: dict[str, Any]) -> bytes:
    read = shape.reply(json.dumps(found).encode())
    assert isinstance(read, Reply)
    assert read.status == 200
    return read.body


def _count(modality: str, tokens: int) -> dict[str, Any]:
    return {"modality": modality, "tokenCount": tokens}


def test_a_gemini_is_charged_by_what_its_row_says() -> None:
    body = gemini(
        "gemini-2.5-flash",
        promptTokenCount=1_200,
        cachedContentTokenCount=500,
        toolUsePromptTokenCount=73,
        candidatesTokenCount=59,
        thoughtsTokenCount=406,
        totalTokenCount=1_738,
        promptTokensDetails=[_count("TEXT", 800), _count("AUDIO", 400)],
        cacheTokensDetails=[_count("TEXT", 350), _count("AUDIO", 150)],
        candidatesTokensDetails=[_count("TEXT", 59)],
    )
    # In batches: $0.15 in, $0.50 for audio, $1.25 out; from the cache $0.03, and $0.10 where that is audio.
    assert charged(body, vertex("gemini-2.5-flash")).usd == {
        TokenKind.CACHED_AUDIO: dollars((150, "0.1")),
        TokenKind.CACHED: dollars((350, "0.03")),
        TokenKind.INPUT_AUDIO: dollars((250, "0.5")),
        TokenKind.INPUT: dollars((1_200 + 73 - 500 - 250, "0.15")),
        TokenKind.REASONING: dollars((406, "1.25")),
        TokenKind.OUTPUT: dollars((59, "1.25")),
    }


@pytest.mark.parametrize("price", ["list", "declared"])
def test_a_video_that_was_made_has_a_price_of_its_own(price: str) -> None:
    body = gemini(
        "gemini-omni-1.1-flash",
        promptTokenCount=100,
        candidatesTokenCount=5_850,
        candidatesTokensDetails=[_count("TEXT", 50), _count("VIDEO", 5_800)],
    )
    own = declared(input="0.00000075", output="0.0000045", output_video="0.00000875")
    made = charged(body, vertex("gemini-omni-1.1-flash", price=own if price == "declared" else None))
    # Half of $1.50, $9 and $17.50.
    assert made.usd == {
        TokenKind.INPUT: dollars((100, "0.75")),
        TokenKind.OUTPUT_VIDEO: dollars((5_800, "8.75")),
        TokenKind.OUTPUT: dollars((50, "4.5")),
    }


def test_a_video_is_never_charged_as_text() -> None:
    body = gemini(
        "gemini-2.5-flash",
        promptTokenCount=100,
        candidatesTokenCount=50,
        candidatesTokensDetails=[_count("VIDEO", 50)],
    )
    assert charged(body, vertex("gemini-2.5-flash")).reason == "no price is known for output video"
    own = vertex("gemini-2.5-flash", price=declared(input="1", output="2"))
    assert charged(body, own).reason == "no price is known for output video"


@pytest.mark.parametrize(
    ("prompt", "cost"),
    [
        # $0.625 in and $5 out in batches; with more than 200,000 tokens in, all of them cost $1.25 and $7.50.
        (200_000, dollars((200_000, "0.625"), (10, "5"))),
        (200_001, dollars((200_001, "1.25"), (10, "7.5"))),
    ],
)
def test_a_long_prompt_makes_every_token_of_its_request_dearer(prompt: int, cost: Decimal) -> None:
    body = gemini("gemini-2.5-pro", promptTokenCount=prompt, candidatesTokenCount=10)
    assert charged(body, vertex("gemini-2.5-pro")).total == cost


def test_a_claude_s_cache_is_charged_by_how_long_it_keeps_what_was_written() -> None:
    body = claude(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 1_000,
            "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 50,
        }
    )
    # Half of $3, $0.30, $3.75, $6 and $15.
    assert charged(body, vertex("claude-sonnet-4-5@20250929")).usd == {
        TokenKind.CACHED: dollars((1_000, "0.15")),
        TokenKind.CACHE_WRITTEN_1H: dollars((100, "3")),
        TokenKind.CACHE_WRITTEN: dollars((200, "1.875")),
        TokenKind.INPUT: dollars((10, "1.5")),
        TokenKind.OUTPUT: dollars((50, "7.5")),
    }


def test_who_is_known_by_an_address_charges_the_usual_price_for_single_requests() -> None:
    body = chat("llama-3.3-70b-versatile", prompt=1_000, completion=100)
    made = charged(body, endpoint("https://api.groq.com/openai/v1"))
    # $0.59 and $0.79.
    assert made.total == dollars((1_000, "0.59"), (100, "0.79")) == Decimal("0.000669")


def test_a_server_of_nobody_s_has_no_price_which_is_not_zero() -> None:
    made = charged(chat("llama-3.3-70b-versatile", prompt=1_000, completion=100), endpoint())
    assert made.total is None
    assert made.reason == "the server is nobody's on the price list; model_info of night has none"


def declared(**usd: str) -> Price:
    rates = {TokenKind(kind): Decimal(rate) for kind, rate in usd.items()}
    return Price(source=DECLARED, rates=(Rates(usd=rates),))


def test_a_price_of_zero_that_was_declared_is_zero() -> None:
    free = endpoint(price=declared(input="0", output="0"))
    assert charged(chat("m", prompt=1_000, completion=100), free).total == 0
    assert charged({"model": "m", "choices": []}, free).total == 0


def test_an_answer_that_does_not_say_what_it_used_has_no_price_unless_it_is_zero() -> None:
    made = charged({"model": "m", "choices": []}, endpoint(price=declared(input="0", output="0.1")))
    assert made == Charge(reason="the answer does not say how many tokens it used")


UNREAD = Charge(reason="the answer does not say how many tokens it read")


@pytest.mark.parametrize(
    "usage",
    [
        {"completion_tokens": 100},
        {"prompt_tokens": 0, "completion_tokens": 100},
        {"output_tokens": 100},
        # Of what it heard and saw there are parts of nothing.
        {"completion_tokens": 100, "prompt_tokens_details": {"audio_tokens": 40, "image_tokens": 3}},
    ],
)
def test_an_answer_that_does_not_say_what_it_read_has_no_price_unless_reading_is_free(
    usage: dict[str, Any],
) -> None:
    body = {"model": "m", "choices": [{"index": 0}], "usage": usage}
    assert charged(body, endpoint(price=declared(input="0.1", output="0.2"))) == UNREAD
    assert charged(body, endpoint(price=declared(input="0", output="0.2"))).total == 20
    assert charged(body, endpoint(price=declared(input="0", output="0"))).total == 0
    # What images or a long prompt would cost is not nothing, and a price that nobody knows is not either.
    assert charged(body, endpoint(price=declared(input="0", input_image="0.1", output="0.2"))) == UNREAD
    assert charged(body, endpoint(price=declared(output="0.2"))) == UNREAD
    free, dear = declared(input="0", output="0.2").rates[0], declared(input="0.1", output="0.2").rates[0]
    long = Price(source=DECLARED, rates=(free, replace(dear, above=200_000)))
    assert charged(body, endpoint(price=long)) == UNREAD


def test_a_prompt_that_came_from_the_cache_as_a_whole_was_read() -> None:
    body = chat("m", prompt=10, completion=1, prompt_tokens_details={"cached_tokens": 10})
    assert charged(body, endpoint(price=declared(input="2", cached="1", output="4"))).total == 14


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (Usage(input=2, cached=1), "no price is known for tokens read from the cache"),
        (Usage(input=2, cache_written=1), "no price is known for tokens written to the cache"),
        (
            Usage(input=2, cache_written=1, cache_written_1h=1),
            "no price is known for tokens kept in the cache for an hour",
        ),
        (
            Usage(input=2, cached=1, input_audio=1, cached_audio=1),
            "no price is known for audio read from the cache",
        ),
        (Usage(input=2, input_image=1), "no price is known for input image"),
        (Usage(input=1, output=2, output_image=1), "no price is known for output image"),
        (Usage(input=1, output=2, output_video=1), "no price is known for output video"),
        (Usage(input=2, output=2, reasoning=1), "no price is known for reasoning"),
    ],
)
def test_what_has_no_rate_is_named(usage: Usage, reason: str) -> None:
    assert charge(usage, declared(input="0.1", output="0.2")) == Charge(reason=reason)


def test_an_operator_s_own_price_wins_over_the_list() -> None:
    own = openai(price=declared(input="0.1", output="0.2"))
    assert charged(chat("gpt-4o-mini", prompt=3, completion=5), own).total == Decimal("1.3")
