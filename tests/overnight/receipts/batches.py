"""A batch that has run, as its checkpoints hold it: sealed, charged, and read again as a client reads it."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from overnight.domain.account import Account
from overnight.domain.file import BatchFileKind
from overnight.domain.layout import part_key, receipt_key, sealed_key
from overnight.domain.plan import ShardPlan
from overnight.domain.price import DECLARED, Price, Quote, Rates
from overnight.domain.status import StopReason
from overnight.domain.usage import TokenKind
from overnight.outcomes import Record, SealedShard, SealTask, Source, seal_shard
from overnight.outcomes.receipt_line import ReceiptLine, decode_line
from overnight.outcomes.record import pack_part
from overnight.outcomes.result_line import answer_line, error_line
from overnight.receipts import ChargeTask, charge_shard
from overnight.storage.memory import MemoryStorage
from tests.overnight.native_lane.shards import INPUT, line, stored

BATCH = "batch_1"
SHARD = 0
HERE = Source(deployment="dep_1", job="job_1")
THERE = Source(deployment="dep_2")
PRICE = Price(
    source=DECLARED,
    rates=(Rates(usd={TokenKind.INPUT: Decimal("0.1"), TokenKind.OUTPUT: Decimal("0.000000000000000007")}),),
)
FREE = Price(source=DECLARED, rates=(Rates(usd={TokenKind.INPUT: Decimal(0), TokenKind.OUTPUT: Decimal(0)}),))


async def blocks(*content: bytes) -> AsyncIterator[bytes]:
    for block in content:
        yield block


def answered(
    index: int,
    custom_id: str,
    *,
    tokens: tuple[int, int] | None = (5, 7),
    model: str | None = "m",
    source: Source = HERE,
    **body: Any,
) -> Record:
    """The outcome of a line with an answer; without `tokens` that does not say what it has used."""
    said: dict[str, Any] = {"model": model, "choices": [{"index": 0}], **body}
    if tokens is not None:
        said["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    result = answer_line(
        BATCH, index, custom_id=custom_id, status=200, request_id=None, body=json.dumps(said).encode()
    )
    return Record(index=index, ok=True, line=result, model=model, source=source)


def failed(index: int, custom_id: str, *, source: Source = HERE) -> Record:
    """The outcome of a line that was refused."""
    body = b'{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":null}}'
    result = answer_line(BATCH, index, custom_id=custom_id, status=400, request_id=None, body=body)
    return Record(index=index, ok=False, line=result, source=source)


def unanswered(index: int, custom_id: str, *, code: str = "batch_cancelled") -> Record:
    """The outcome of a line that nobody was asked for."""
    result = error_line(BATCH, index, custom_id=custom_id, code=code, message="Too late.")
    return Record(index=index, ok=False, line=result)


def quoting(
    price: Price | None = PRICE,
    *,
    deployment: str = "dep_1",
    model: str | None = "m",
    reason: str | None = None,
    service_tier: str | None = None,
) -> Quote:
    return Quote(
        deployment=deployment,
        provider="openai",
        model=model,
        price=price,
        reason=reason,
        service_tier=service_tier,
    )


def requests(count: int, *, newline: bytes = b"\n") -> bytes:
    return b"".join(line(f"r-{number}").rstrip(b"\n") + newline for number in range(count))


@dataclass
class Ran:
    """A shard that has run, and what it comes to."""

    storage: MemoryStorage = field(default_factory=MemoryStorage)
    plan: ShardPlan = field(default_factory=lambda: ShardPlan(()))
    _parts: int = 0

    async def of(self, *chunks: bytes, before: bytes = b"", first_index: int = 0) -> "Ran":
        """Have this input."""
        self.plan = await stored(self.storage, chunks, before=before, first_index=first_index)
        return self

    async def keep(
        self, records: Sequence[Record], *, chunk: int = 0, attempt: str = "0001", source: Source = HERE
    ) -> None:
        """Checkpoint outcomes as one part of an attempt's."""
        await self.keep_as_is(pack_part(records, source=source), chunk=chunk, attempt=attempt)

    async def keep_as_is(self, content: bytes, *, chunk: int = 0, attempt: str = "0001") -> None:
        key = part_key(BATCH, SHARD, chunk, attempt=attempt, part=self._parts)
        self._parts += 1
        await self.storage.put(key, blocks(content))

    async def seal(self, *, attempt: str = "0009", missing: StopReason | None = None) -> SealedShard:
        task = SealTask(batch_id=BATCH, input_key=INPUT, shard=SHARD, plan=self.plan, attempt=attempt)
        return await seal_shard(self.storage, task=task, missing=missing.no_answer if missing else None)

    async def charge(
        self, quotes: Iterable[Quote] = (quoting(),), *, sealed_by: str = "0009", attempt: str = "0010"
    ) -> Account:
        task = ChargeTask(batch_id=BATCH, shard=SHARD, sealed_by=sealed_by, attempt=attempt)
        return await charge_shard(self.storage, task=task, quotes=quotes)

    async def lines(self, kind: BatchFileKind, *, attempt: str = "0009") -> list[bytes]:
        """The lines of a sealed file; none if there is no such file."""
        return await self._lines(sealed_key(BATCH, SHARD, attempt=attempt, kind=kind))

    async def receipt(self, *, attempt: str = "0009", charged: bool = False) -> list[ReceiptLine]:
        key = receipt_key(BATCH, SHARD, attempt=attempt, charged=charged)
        return [decode_line(each) for each in await self._lines(key)]

    async def content(self, key: str) -> bytes:
        return b"".join([block async for block in self.storage.get(key)])

    async def _lines(self, key: str) -> list[bytes]:
        found = [each.key async for each in self.storage.list(key)]
        return (await self.content(key)).splitlines() if found else []
