"""What batches cost adds up, whoever ran them, and whatever dies while they are charged."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from tests.acceptance.command_line import overnight
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import (
    KEYS,
    NEVER,
    Provider,
    deaths_to_come,
    dying_on_order,
    entry,
    order_deaths,
)
from tests.acceptance.serving import KEY, Served, answered, ended
from tests.acceptance.simulated import Endpoint

LINES = 30
INPUT, OUTPUT = Decimal("0.000001"), Decimal("0.000002")
BATCH_INPUT, BATCH_OUTPUT = Decimal("0.0000005"), Decimal("0.00000025")
DEATHS = (
    "a shard was sealed",
    "prices were quoted",
    "in the middle of charging",
    "a shard was charged",
    "the receipt was written",
    "the cost was recorded",
)
"""Where the worker dies while two batches are charged; each point once."""


def priced_config(openai: Provider, endpoint: Endpoint) -> str:
    """Return a config.yaml with a model in either lane, each with a price."""
    prices = {
        "input_cost_per_token": str(INPUT),
        "output_cost_per_token": str(OUTPUT),
        "input_cost_per_token_batches": str(BATCH_INPUT),
        "output_cost_per_token_batches": str(BATCH_OUTPUT),
    }
    native = entry("night", {"api_base": f"{openai.origin}/v1", "batch_lane": "native"}, "openai")
    lines = {"model": "hosted_vllm/day", "api_base": endpoint.base_url, "max_parallel_requests": 8}
    entries = [native, {"model_name": "day", "litellm_params": lines}]
    settings = {"poll_initial_seconds": 0.1, "poll_max_seconds": 0.5}
    return json.dumps(
        {"model_list": [{**each, "model_info": prices} for each in entries], "batch_settings": settings}
    )


@pytest.fixture
def priced(tmp_path: Path, openai: Provider, endpoint: Endpoint) -> Iterator[Served]:
    """An `overnight serve` with a price for every model, whose worker dies where it is ordered to."""
    environ = {**KEYS, **dying_on_order(tmp_path)}
    with Served(tmp_path, config=priced_config(openai, endpoint), environ=environ) as served:
        yield served


@pytest.fixture
def sdk(priced: Served) -> Iterator[OpenAI]:
    with priced.client as client:
        yield client


def test_a_worker_that_dies_while_it_charges_changes_no_sum(
    priced: Served, sdk: OpenAI, tmp_path: Path
) -> None:
    order_deaths(tmp_path, *DEATHS)
    batches = [
        submit(sdk, write_requests(tmp_path / f"{model}.jsonl", LINES, model=model), metadata={"for": model})
        for model in ("night", "day")
    ]
    # Every death is noticed after ten seconds or more.
    patience = 60 * len(DEATHS)
    night, day = (ended(sdk, batch.id, seconds=patience, every=0.5, log=priced.log) for batch in batches)

    assert deaths_to_come(tmp_path) == 0
    for batch in (night, day):
        assert (batch.status, batch.request_counts.completed) == ("completed", LINES)
        assert_every_line_once(sdk, batch, LINES)
        assert_adds_up(priced, batch)
    assert cost_of(night) == used(night, BATCH_INPUT, BATCH_OUTPUT) > 0
    assert cost_of(day) == used(day, INPUT, OUTPUT) > 0
    assert spent(priced) == cost_of(night) + cost_of(day)
    assert spent(priced, group_by="tag", tag="for") == cost_of(night) + cost_of(day)
    assert_the_same_again(priced, night)


def test_a_cancelled_batch_costs_what_was_finished(
    priced: Served, sdk: OpenAI, openai: Provider, tmp_path: Path
) -> None:
    openai.doom(stuck_at=0.4, cancelling_seconds=0)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    answered(sdk, batch.id, lines=LINES * 2 // 5, log=priced.log)
    sdk.batches.cancel(batch.id)
    openai.let_pass(NEVER)

    final = ended(sdk, batch.id, log=priced.log)

    assert final.status == "cancelled"
    assert 0 < final.request_counts.completed < LINES
    assert cost_of(final) == used(final, BATCH_INPUT, BATCH_OUTPUT) > 0
    assert spent(priced) == cost_of(final)
    assert_adds_up(priced, final)
    unanswered = [line for line in receipt_of(priced, final)["lines"] if line["outcome"] == "failed"]
    assert len(unanswered) == final.request_counts.failed
    assert {(line["cost_usd"], line["code"]) for line in unanswered} == {("0", "batch_cancelled")}


def test_a_batch_whose_results_were_changed_does_not_add_up(
    priced: Served, sdk: OpenAI, tmp_path: Path
) -> None:
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", 5, model="day"))
    final = ended(sdk, batch.id, log=priced.log)
    stored = priced.data / "objects" / "files" / final.output_file_id
    content = stored.read_bytes()
    stored.write_bytes(content.replace(b'"prompt_tokens": 2', b'"prompt_tokens": 9', 1))

    _, said = overnight("verify", batch.id, "--api-key", KEY, url=priced.url, code=1)

    assert "line 1: its line in the output file is not as it was delivered" in said
    assert "line 1: the receipt counts other tokens than its answer reports" in said
    stored.write_bytes(content)
    assert_adds_up(priced, final)


def assert_adds_up(served: Served, batch: Any) -> None:
    """Check that `verify` has nothing to say, and that the receipt's own lines come to the total."""
    said, _ = overnight("verify", batch.id, "--api-key", KEY, url=served.url)
    assert said.startswith(f"{batch.id} adds up: {batch.request_counts.total} requests, $")
    lines = receipt_of(served, batch)["lines"]
    assert [line["index"] for line in lines] == [*range(batch.request_counts.total)]
    assert sum(Decimal(line["cost_usd"]) for line in lines) == cost_of(batch)


def assert_the_same_again(served: Served, batch: Any) -> None:
    """Check that whoever asks again is told the same, in every format."""
    for path in (f"/v1/batches/{batch.id}", f"/v1/batches/{batch.id}/receipt", "/v1/spend"):
        assert get(served, path).content == get(served, path).content
    table = get(served, f"/v1/batches/{batch.id}/receipt", format="csv").text
    rows = [*csv.DictReader(io.StringIO(table, newline=""))]
    assert sum(Decimal(row["cost_usd"]) for row in rows) == cost_of(batch)


def cost_of(batch: Any) -> Decimal:
    return Decimal(batch.model_extra["overnight"]["cost_usd"])


def used(batch: Any, input_rate: Decimal, output_rate: Decimal) -> Decimal:
    """What the tokens of a batch come to."""
    return batch.usage.input_tokens * input_rate + batch.usage.output_tokens * output_rate


def spent(served: Served, **params: str) -> Decimal:
    report = get(served, "/v1/spend", **params).json()
    return sum((Decimal(group["cost_usd"]) for group in report["data"]), Decimal(0))


def receipt_of(served: Served, batch: Any) -> Any:
    return get(served, f"/v1/batches/{batch.id}/receipt").json()


def get(served: Served, path: str, **params: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx2.get(served.url + path, params=params, headers=headers, timeout=60).raise_for_status()
