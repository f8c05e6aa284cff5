"""A gateway where batches have ended and cost something."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from overnight.domain.account import Account, Entry
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.file import BatchFileKind, File, FilePurpose
from overnight.domain.ids import output_file_id
from overnight.domain.layout import file_key
from overnight.domain.price import DECLARED, Price, Rates
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, TokenKind, Usage
from overnight.outcomes import ReceiptLine
from overnight.outcomes.receipt_line import LineOutcome, encode_lines
from tests.api.served import Served

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRICE = Price(
    source=DECLARED,
    discount=Decimal("0.50"),
    rates=(
        Rates(usd={TokenKind.INPUT: Decimal("0.100"), TokenKind.OUTPUT: Decimal("2E-7")}),
        Rates(usd={TokenKind.INPUT: Decimal(20)}, above=200_000),
    ),
)
USAGE = Usage(input=3, cached=1, output=2)
PRICED = Entry(
    deployment="dep_1",
    provider="openai",
    model="m",
    price=PRICE.id,
    lines=1,
    usage=USAGE,
    usd={TokenKind.INPUT: Decimal("0.300"), TokenKind.OUTPUT: Decimal("4E-7")},
)
UNPRICED = Entry(deployment="dep_2", provider="azure", reason="nobody knows it", lines=2)
ACCOUNT = Account(entries=(PRICED, UNPRICED), prices={PRICE.id: PRICE})


def receipt_line(index: int, **fields: Any) -> ReceiptLine:
    return ReceiptLine(
        **{
            "index": index,
            "custom_id": f'r-{index}, "é"',
            "outcome": LineOutcome.ANSWERED,
            "status": 200,
            "code": None,
            "request_sha256": "a" * 64,
            "response_sha256": "b" * 64,
            "tokens": {"input": 3, "output": 2},
            "cost_usd": "0.3",
            **fields,
        }
    )


LINES = [
    receipt_line(0),
    receipt_line(1, outcome=LineOutcome.FAILED, status=None, code="batch_expired", tokens={}),
]


class Desk:
    """A gateway with batches that have ended."""

    def __init__(self, served: Served) -> None:
        self.served = served
        served.clock.now = NOW

    async def create(self, **more: Any) -> str:
        wanted = {"input_file_id": "file-in", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        async with self.served.http() as http:
            answer = await http.post("/v1/batches", json={**wanted, **more})
        return str(answer.json()["id"])

    async def ran(
        self,
        lines: list[ReceiptLine] | None = None,
        *,
        account: Account | None = ACCOUNT,
        at: datetime = NOW,
        **more: Any,
    ) -> str:
        """Have a batch that has ended, and its receipt if there are lines."""
        batch_id = await self.create(**more)
        change = BatchChange(
            revision=9,
            status=BatchStatus.COMPLETED,
            stamps=Stamps(completed_at=at),
            counts=Counts(len(lines or ()), len(lines or ()), 0),
            usage=account.usage if account else None,
            cost=account.cost if account else None,
            account=account,
        )
        if lines is not None:
            change = replace(change, receipt_file_id=await self._file(batch_id, lines))
        await self.served.catalog.record(batch_id, change)
        return batch_id

    async def get(self, path: str, *, status: int = 200, **params: Any) -> Any:
        """Return what is answered: decoded, if it is JSON."""
        async with self.served.http() as http:
            answer = await http.get(path, params=params)
        assert answer.status_code == status, answer.text
        if answer.headers["content-type"] == "application/json":
            return answer.json()
        return answer

    async def _file(self, batch_id: str, lines: list[ReceiptLine]) -> str:
        file_id = output_file_id(batch_id, BatchFileKind.RECEIPT)
        stored = await self.served.storage.put(file_key(file_id), _blocks(encode_lines(lines)))
        file = File(
            id=file_id,
            project="default",
            filename=f"{batch_id}_receipt.jsonl",
            purpose=FilePurpose.BATCH_OUTPUT,
            bytes=stored.size,
            key=stored.key,
            created_at=NOW,
        )
        await self.served.catalog.add_file(file)
        return file_id


async def _blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content
