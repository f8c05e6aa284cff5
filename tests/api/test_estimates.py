"""`POST /v1/batches/estimate`, and `max_cost`."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from overnight.config import Settings
from overnight.domain.batch import BatchChange, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, TokenKind, Usage
from tests.api.served import Served

PRICE = Price(
    source=DECLARED,
    rates=(Rates(usd={TokenKind.INPUT: Decimal("0.000001"), TokenKind.OUTPUT: Decimal("0.000002")}),),
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """One deployment of `smol` with a price, and of `org/large` one without."""
    smol, large, _ = settings.deployments
    return replace(settings, deployments=(replace(smol, price=PRICE), large))


def lines(count: int, model: str = "smol", **fields: object) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "hello " * 100}], **fields}
    made = (
        {"custom_id": f"{n}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for n in range(count)
    )
    return b"".join(json.dumps(each).encode() + b"\n" for each in made)


async def estimated(served: Served, content: bytes) -> tuple[int, dict[str, object]]:
    async with served.http() as http:
        form = {"file": ("in.jsonl", content)}
        uploaded = (await http.post("/v1/files", data={"purpose": "batch"}, files=form)).json()
        wanted = {
            "input_file_id": uploaded["id"],
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
        answer = await http.post("/v1/batches/estimate", json=wanted)
    return answer.status_code, answer.json()


async def test_an_estimate_says_what_a_batch_may_use_and_cost_and_makes_none(served: Served) -> None:
    status, found = await estimated(served, lines(10, max_tokens=30))
    assert status == 200
    assert (found["object"], found["model"], found["requests"]) == ("batch.estimate", "smol", 10)
    assert found["output_tokens"] == {"low": 0, "likely": None, "high": 300}
    tokens = found["input_tokens"]
    assert isinstance(tokens, dict)
    assert 1_000 <= tokens["likely"] <= 2_000
    cost = found["cost_usd"]
    assert isinstance(cost, dict)
    assert Decimal(cost["high"]) == tokens["high"] * Decimal("0.000001") + 300 * Decimal("0.000002")
    assert found["input_error"] == {"low": -0.25, "high": 0.25, "measured_on_batches": 0}
    assert served.runs.started == {}


async def test_a_model_without_a_price_has_tokens_and_a_reason(served: Served) -> None:
    status, found = await estimated(served, lines(2, model="org/large"))
    assert (status, found["cost_usd"]) == (200, None)
    assert "org/large" in str(found["reason"])


async def test_an_input_that_would_be_refused_is_refused_with_its_first_fault(served: Served) -> None:
    status, found = await estimated(served, lines(1) + b"{}\n" + b"{}\n")
    error = found["error"]
    assert isinstance(error, dict)
    assert status == 400
    assert error["message"].startswith("Line 2: ")


async def test_past_batches_of_a_model_are_learnt_from(served: Served) -> None:
    for number in range(3):
        await finished(served, f"batch_{number}")
    _, found = await estimated(served, lines(10))
    error, output = found["input_error"], found["output_tokens"]
    assert error == {"low": -0.51, "high": -0.49, "measured_on_batches": 3}
    assert output == {"low": 70, "likely": 70, "high": 70}


async def finished(served: Served, batch_id: str) -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    order = BatchOrder(
        batch_id=batch_id,
        project="default",
        input_file_id="file-in",
        endpoint=Endpoint.CHAT_COMPLETIONS,
        completion_window="24h",
        window=now - now,
        created_at=now,
    )
    await served.catalog.add_batch(order)
    change = BatchChange(
        revision=1,
        status=BatchStatus.COMPLETED,
        stamps=Stamps(completed_at=now),
        counts=Counts(10, 10, 0),
        usage=Usage(input=500, output=70),
        requested_model="smol",
        approximated_input=1_000,
    )
    await served.catalog.record(batch_id, change)
