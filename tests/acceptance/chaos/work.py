"""What a fleet is given to do through a night, and what must be true of it in the morning."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from openai import OpenAI, OpenAIError

from tests.acceptance.chaos.fleet import GATEWAYS, LINES, NATIVE, PRICES, WholeFleet
from tests.acceptance.inputs import assert_every_line_once, chat, create, upload, write_lines
from tests.acceptance.native import Provider, assert_nothing_left
from tests.acceptance.serving import results

BATCHES = 40
REQUESTS = 60
AT_ONCE = 6
PATIENCE_SECONDS = 600
"""A worker that is frozen keeps its tasks until their time is over, more than once if it is unlucky."""

_ECHO_WORDS = 2
"""A simulated model says `echo <hash>:` and then what it was asked."""

Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Ordered:
    """A batch that was ordered through `gateway`."""

    id: str
    name: str
    model: str
    gateway: str


def persist(attempt: Callable[[], Got]) -> Got:
    """Return what `attempt` returns, as soon as nothing is in its way."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return attempt()
        except (OpenAIError, httpx2.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


class Work:
    """Forty batches of both lanes through both gateways."""

    def __init__(self, fleet: WholeFleet, folder: Path, *, name: str) -> None:
        self._fleet = fleet
        self._name = name
        self._folder = folder
        self._sdks = {gateway: fleet.sdk(gateway) for gateway in GATEWAYS}

    def order(self) -> Sequence[Ordered]:
        """Order all of them, however often it takes; the same key makes it the same batch."""
        kinds = islice(
            cycle([(model, gateway) for gateway in GATEWAYS for model in (NATIVE, LINES)]), BATCHES
        )
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._order, range(BATCHES), kinds))

    def _order(self, number: int, kind: tuple[str, str]) -> Ordered:
        model, gateway = kind
        name = f"{self._name}-{number}"
        sdk = self._sdks[gateway]
        bodies = (chat(_prompt(name, line), model=model) for line in range(REQUESTS))
        path = write_lines(self._folder / f"{name}.jsonl", bodies)
        file = persist(lambda: upload(sdk, path))
        key = {"Idempotency-Key": name}
        made = persist(lambda: create(sdk, file, metadata={"name": name}, extra_headers=key))
        return Ordered(made.id, name, model, gateway)

    def finished(self, ordered: Sequence[Ordered]) -> Sequence[Any]:
        """Wait for all of them to end, and return them as the other gateway tells them."""
        return [self._finished(each) for each in ordered]

    def _finished(self, ordered: Ordered) -> Any:
        (other,) = set(GATEWAYS) - {ordered.gateway}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            batch = persist(lambda: self._sdks[other].batches.retrieve(ordered.id))
            if batch.status in ("completed", "failed", "expired", "cancelled"):
                return batch
            assert time.monotonic() < deadline, f"{ordered} is still {batch}\n{self._fleet.tail()}"
            time.sleep(0.5)

    def assert_all_is_well(
        self, ordered: Sequence[Ordered], batches: Sequence[Any], openai: Provider
    ) -> None:
        """Check every line, every job and every sum of them."""
        assert len({each.id for each in ordered}) == BATCHES
        for each, batch in zip(ordered, batches, strict=True):
            assert_answered(self._sdks[each.gateway], each, batch)
            assert_costs_what_it_should(each, batch)
            assert_the_same_everywhere(list(self._sdks.values()), batch)
            jobs = openai.jobs(batch)
            assert len(jobs) == (1 if each.model == NATIVE else 0), (each, jobs)
        for batch in batches:
            assert_nothing_left(openai, batch)


def _prompt(name: str, line: int) -> str:
    return f"{name} question {line}"


def assert_answered(sdk: OpenAI, ordered: Ordered, batch: Any) -> None:
    """Check that every request has one outcome, and that it is its own answer."""
    assert (batch.status, batch.error_file_id) == ("completed", None), batch
    assert_every_line_once(sdk, batch, REQUESTS)
    for number, line in enumerate(results(sdk, batch.output_file_id)):
        said = line["response"]["body"]["choices"][0]["message"]["content"]
        assert said.endswith(f": {_prompt(ordered.name, number)}"), line


def cost(model: str, name: str) -> Decimal:
    """Add up by hand what a batch costs: a simulated token is a word."""
    batches = "_batches" if model == NATIVE else ""
    asked = sum(len(_prompt(name, line).split()) for line in range(REQUESTS))
    said = asked + REQUESTS * _ECHO_WORDS
    of_input, of_output = (Decimal(PRICES[f"{side}_cost_per_token{batches}"]) for side in ("input", "output"))
    return asked * of_input + said * of_output


def assert_costs_what_it_should(ordered: Ordered, batch: Any) -> None:
    """Check the batch's cost against one that was added up by hand."""
    said = batch.model_extra["overnight"]["cost_usd"]
    assert Decimal(said) == cost(ordered.model, ordered.name), batch


def assert_the_same_everywhere(sdks: Sequence[OpenAI], batch: Any) -> None:
    """Check that every gateway tells the same of a batch, and delivers the same."""
    told = {
        json.dumps(sdk.batches.retrieve(batch.id).model_dump(mode="json"), sort_keys=True) for sdk in sdks
    }
    assert len(told) == 1, told
    assert len({sdk.files.content(batch.output_file_id).content for sdk in sdks}) == 1
