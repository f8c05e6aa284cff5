"""A batch that ends is counted once, however often that is written."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import Bookkeeping
from activities.ending import EndMeter
from activities.payloads import Record
from overnight.domain.account import Account, Entry
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, TokenKind, Usage
from overnight.telemetry.metrics import REGISTRY
from tests.activities.house import BATCH, NOW, House, bookkeeping, deployment, order, settings

MODEL = "model-of-this-test"


class Told:
    """What the metrics of one provider say more than they did when this was made."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._before: dict[str, float] = {}
        self._before = {key: self._now(key) for key in self._keys()}

    def of(self, name: str, **labels: str) -> float:
        key = self._key(name, labels)
        return self._now(key) - self._before.get(key, 0)

    def _keys(self) -> list[str]:
        return [
            self._key(sample.name, {k: v for k, v in sample.labels.items() if k != "provider"})
            for family in REGISTRY.collect()
            for sample in family.samples
            if sample.labels.get("provider") == self._provider
        ]

    def _now(self, key: str) -> float:
        return sum(
            sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
            if sample.labels.get("provider") == self._provider
            and self._key(sample.name, {k: v for k, v in sample.labels.items() if k != "provider"}) == key
        )

    @staticmethod
    def _key(name: str, labels: dict[str, str]) -> str:
        return f"{name}{sorted(labels.items())}"


def books(house: House) -> Bookkeeping:
    here = settings(deployment(provider="hosted_vllm"))
    return bookkeeping(house, here, ends=EndMeter(here))


def ending(status: BatchStatus, *, revision: int = 5) -> BatchChange:
    usage = Usage(input=100, cached=40, output=20)
    entry = Entry(
        deployment="dep_1",
        provider="hosted_vllm",
        model=MODEL,
        lines=8,
        usage=usage,
        usd={TokenKind.INPUT: Decimal("0.25")},
    )
    return BatchChange(
        revision=revision,
        status=status,
        stamps=Stamps(
            in_progress_at=NOW + timedelta(seconds=2),
            finalizing_at=NOW + timedelta(seconds=10),
            **{f"{status.value}_at": NOW + timedelta(seconds=11)},
        ),
        counts=Counts(10, 8, 2),
        usage=usage,
        model=MODEL,
        account=Account(entries=(entry,)),
        deployments=("dep_1",),
    )


async def test_a_batch_that_is_written_again_is_counted_once(house: House) -> None:
    await house.catalog.add_batch(order())
    told = Told("hosted_vllm")
    # As when the worker is lost after the row was written, and again with a later revision, after a Reset.
    for revision in (5, 5, 6):
        record = Record(batch_id=BATCH, change=ending(BatchStatus.COMPLETED, revision=revision))
        await ActivityEnvironment().run(books(house).record, record)
    assert told.of("overnight_batches_finished_total", status="completed") == 1
    assert told.of("overnight_lines_total", model=MODEL, outcome="completed") == 8
    assert told.of("overnight_lines_total", model=MODEL, outcome="failed") == 2
    assert told.of("overnight_tokens_total", model=MODEL, kind="input") == 60
    assert told.of("overnight_tokens_total", model=MODEL, kind="cached") == 40
    assert told.of("overnight_tokens_total", model=MODEL, kind="output") == 20
    assert told.of("overnight_cost_usd_total", model=MODEL) == pytest.approx(0.25)


async def test_a_batch_is_that_of_the_provider_that_has_answered_most_whatever_its_models(
    house: House,
) -> None:
    await house.catalog.add_batch(order())
    change = ending(BatchStatus.COMPLETED)
    (entry,) = change.account.entries if change.account else ()
    entries = (
        replace(entry, provider="azure", lines=5),
        replace(entry, lines=4),
        replace(entry, model="another", lines=4),
    )
    told = Told("hosted_vllm")
    record = Record(batch_id=BATCH, change=replace(change, account=Account(entries=entries)))
    await ActivityEnvironment().run(books(house).record, record)
    assert told.of("overnight_batches_finished_total", status="completed") == 1
    assert told.of("overnight_lines_total", model="another", outcome="completed") == 4


async def test_a_batch_that_failed_counts_no_lines_and_may_be_delivered_later(house: House) -> None:
    await house.catalog.add_batch(order())
    told = Told("hosted_vllm")
    for change in (ending(BatchStatus.FAILED), ending(BatchStatus.EXPIRED, revision=7)):
        await ActivityEnvironment().run(books(house).record, Record(batch_id=BATCH, change=change))
    assert told.of("overnight_batches_finished_total", status="failed") == 1
    assert told.of("overnight_batches_finished_total", status="expired") == 1
    assert told.of("overnight_lines_total", model=MODEL, outcome="completed") == 8


async def test_a_status_that_comes_too_late_is_not_counted(house: House) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, ending(BatchStatus.CANCELLED, revision=9))
    told = Told("hosted_vllm")
    record = Record(batch_id=BATCH, change=ending(BatchStatus.COMPLETED, revision=5))
    await ActivityEnvironment().run(books(house).record, record)
    assert told.of("overnight_batches_finished_total", status="completed") == 0


async def test_stages_are_as_long_as_the_stamps_say(house: House) -> None:
    await house.catalog.add_batch(order())

    def seconds(stage: str) -> float:
        name = "overnight_batch_stage_duration_seconds_sum"
        return REGISTRY.get_sample_value(name, {"stage": stage}) or 0

    before = {stage: seconds(stage) for stage in ("validating", "in_progress", "finalizing", "total")}
    record = Record(batch_id=BATCH, change=ending(BatchStatus.COMPLETED))
    await ActivityEnvironment().run(books(house).record, record)
    assert {stage: seconds(stage) - was for stage, was in before.items()} == pytest.approx(
        {"validating": 2, "in_progress": 8, "finalizing": 1, "total": 11}
    )
