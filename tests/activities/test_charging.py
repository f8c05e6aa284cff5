"""The step that charges: quotes by a worker's own settings, and the same sum however often it is done."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.charging import Charging
from activities.payloads import ChargedShard, ChargeOrder, QuoteOrder, SealedShard, SealOrder
from activities.seal import Seal
from overnight.config import Settings
from overnight.domain.deployment import BatchLane
from overnight.domain.errors import ObjectNotFound
from overnight.domain.layout import part_key, receipt_key
from overnight.domain.price import DECLARED, Price, Quote, Rates
from overnight.domain.usage import TokenKind, Usage
from overnight.outcomes import Source
from overnight.outcomes.record import pack_part
from overnight.outcomes.seal import Served
from overnight.receipts import read_receipt
from tests.activities.house import BATCH, INPUT, House, deployment, lines, order, settings
from tests.overnight.receipts.batches import answered, failed

AT = datetime(2026, 11, 1, tzinfo=UTC)
PRICE = Price(
    source=DECLARED,
    rates=(Rates(usd={TokenKind.INPUT: Decimal("0.1"), TokenKind.OUTPUT: Decimal("0.01")}),),
)
SETTINGS = settings(
    deployment("dep_1", price=PRICE),
    deployment(
        "dep_2",
        provider="openai",
        model="gpt-4o-mini",
        api_base="https://api.openai.com/v1",
        lane=BatchLane.NATIVE,
    ),
    deployment("dep_3"),
)


def step(house: House, with_: Settings = SETTINGS) -> Charging:
    return Charging(settings=with_, catalog=house.catalog, storage=house.storage)


async def quotes(house: House, *served: Served) -> tuple[Quote, ...]:
    asked = QuoteOrder(served=served, at=AT)
    return await ActivityEnvironment().run(step(house).quote, asked)


async def sealed(house: House, *, deployment_id: str = "dep_1") -> SealedShard:
    """A shard of three lines, of which one failed."""
    await house.upload(lines(3))
    await house.catalog.add_batch(order())
    await house.ingest()
    source = Source(deployment=deployment_id)
    records = [
        answered(0, "line-0", tokens=(3, 2), source=source),
        answered(1, "line-1", tokens=(5, 7), source=source),
        failed(2, "line-2", source=source),
    ]
    part = pack_part(records, source=source)
    await house.put(part_key(BATCH, 0, 0, attempt="0001-x", part=0), part)
    seal = Seal(catalog=house.catalog, storage=house.storage)
    asked = SealOrder(batch_id=BATCH, shard=0, input_file_id=INPUT)
    return await ActivityEnvironment().run(seal.seal_shard, asked)


async def charge(house: House, shard: SealedShard, *quoted: Quote, attempt: int = 1) -> ChargedShard:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt)
    asked = ChargeOrder(batch_id=BATCH, shard=0, sealed_by=shard.attempt, quotes=quoted)
    return await environment.run(step(house).charge_shard, asked)


async def test_whom_a_batch_knows_by_another_id_is_quoted_by_that(house: House) -> None:
    here = settings(deployment("dep_now", price=PRICE, other_ids=("dep_1",)))
    asked = QuoteOrder(served=(Served("dep_1", "m"),), at=AT)
    quoted = await ActivityEnvironment().run(step(house, here).quote, asked)
    assert [(each.deployment, each.price) for each in quoted] == [("dep_1", PRICE)]
    charged = await charge(house, await sealed(house), *quoted)
    assert charged.account.cost == Decimal("0.32") + Decimal("0.57")


async def test_everyone_who_answered_is_quoted_by_the_settings(house: House) -> None:
    declared, listed, unknown = await quotes(
        house, Served("dep_1", "m"), Served("dep_2", "gpt-4o-mini-2024-07-18"), Served("dep_3", "m")
    )
    assert (declared.deployment, declared.model, declared.price) == ("dep_1", "m", PRICE)
    assert listed.price is not None
    assert (listed.provider, listed.price.model) == ("openai", "openai/gpt-4o-mini")
    assert listed.price.rates[0].usd[TokenKind.INPUT] == Decimal("0.000000075")
    assert unknown.price is None
    assert unknown.reason is not None


async def test_a_deployment_that_is_no_longer_configured_has_no_price_and_says_so(house: House) -> None:
    (gone,) = await quotes(house, Served("dep_gone", "m"))
    assert gone == Quote(deployment="dep_gone", model="m", reason="its deployment is no longer configured")
    shard = await sealed(house, deployment_id="dep_gone")
    account = (await charge(house, shard, gone)).account
    assert (account.cost, account.priced, account.unpriced_lines) == (None, 0, 2)
    assert {entry.reason for entry in account.entries} == {"its deployment is no longer configured"}


async def test_nobody_is_quoted_for_what_an_earlier_version_kept(house: House) -> None:
    assert await quotes(house, Served(None, "m")) == ()


async def test_a_shard_is_charged_line_by_line(house: House) -> None:
    shard = await sealed(house)
    assert (shard.receipted, shard.served) == (True, (Served("dep_1", "m"),))
    charged = await charge(house, shard, *await quotes(house, *shard.served))
    assert charged.account.cost == Decimal("0.32") + Decimal("0.57")
    assert charged.account.usage == shard.usage == Usage(input=8, output=9)
    key = receipt_key(BATCH, 0, attempt=charged.attempt, charged=True)
    told = [line async for slab in read_receipt(house.storage.get(key)) for line in slab]
    assert [line.cost_usd for line in told] == ["0.32", "0.57", "0"]


async def test_another_attempt_comes_to_the_same_beside_the_first(house: House) -> None:
    shard = await sealed(house)
    quoted = await quotes(house, *shard.served)
    first, second = [await charge(house, shard, *quoted, attempt=attempt) for attempt in (1, 2)]
    assert first.attempt != second.attempt
    assert first.account == second.account
    contents = [
        await house.content(receipt_key(BATCH, 0, attempt=each.attempt, charged=True))
        for each in (first, second)
    ]
    assert contents[0] == contents[1] != b""


async def test_what_was_quoted_holds_though_the_settings_say_something_else_since(house: House) -> None:
    shard = await sealed(house)
    quoted = await quotes(house, *shard.served)
    dearer = Price(
        source=DECLARED, rates=(Rates(usd={TokenKind.INPUT: Decimal(9), TokenKind.OUTPUT: Decimal(9)}),)
    )
    moved = step(house, settings(deployment("dep_1", price=dearer)))
    asked = ChargeOrder(batch_id=BATCH, shard=0, sealed_by=shard.attempt, quotes=quoted)
    charged = await ActivityEnvironment().run(moved.charge_shard, asked)
    assert charged.account.cost == Decimal("0.89")


async def test_a_shard_that_was_never_sealed_is_not_charged_as_nothing(house: House) -> None:
    await house.catalog.add_batch(order())
    with pytest.raises(ObjectNotFound):
        await charge(house, SealedShard(attempt="0009-lost"))
