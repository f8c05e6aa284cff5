"""Charging a sealed shard: every line of its receipt gets its price and its cost, and all are added up.

Pure over the quotes: the same lines and quotes make the same bytes, however often it is done.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from overnight.domain.account import Account, Entry, together
from overnight.domain.layout import receipt_key
from overnight.domain.price import Charge, Quote, usd_told
from overnight.domain.usage import TokenKind, Usage
from overnight.outcomes.receipt_line import ReceiptLine, encode_lines
from overnight.pricing import charge
from overnight.receipts.lines import read_receipt
from overnight.storage.protocol import Storage

_NO_QUOTE = "an earlier version has kept this answer, and not whose it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeTask:
    """Which shard to charge: as it was sealed by one attempt, and as which attempt of its own."""

    batch_id: str
    shard: int
    sealed_by: str
    attempt: str


async def charge_shard(storage: Storage, *, task: ChargeTask, quotes: Iterable[Quote]) -> Account:
    """Write the shard's receipt with what every line cost, and return what they cost together.

    Works in constant memory. Raises StorageError.
    """
    charging = _Charging(quotes)
    sealed = receipt_key(task.batch_id, task.shard, attempt=task.sealed_by, charged=False)
    charged = receipt_key(task.batch_id, task.shard, attempt=task.attempt, charged=True)
    await storage.put(charged, _charged(storage, sealed, charging))
    return charging.account


async def _charged(storage: Storage, key: str, charging: "_Charging") -> AsyncGenerator[bytes, None]:
    async with aclosing(read_receipt(storage.get(key))) as slabs:
        async for lines in slabs:
            yield encode_lines([charging.charged(line) for line in lines])


class _Charging:
    """Charges lines one after the other, and counts what they come to."""

    def __init__(self, quotes: Iterable[Quote]) -> None:
        self._quotes = {(quote.deployment, quote.model, quote.service_tier): quote for quote in quotes}
        self._providers = {quote.deployment: quote.provider for quote in self._quotes.values()}
        self._prices = {served: quote.price.id for served, quote in self._quotes.items() if quote.price}
        self._sums: dict[tuple[str | None, ...], _Sum] = {}

    @property
    def account(self) -> Account:
        """All that has been charged."""
        prices = {self._prices[of]: quote.price for of, quote in self._quotes.items() if quote.price}
        entries = (self._entry(served, reason, counted) for (*served, reason), counted in self._sums.items())
        return together([Account(entries=tuple(entries), prices=prices)])

    def charged(self, line: ReceiptLine) -> ReceiptLine:
        """Return a line with its price and its cost, which are counted."""
        provider = self._providers.get(line.deployment)
        if not line.answered:
            return msgspec.structs.replace(line, provider=provider, cost_usd="0")
        served = line.deployment, line.model, line.tier
        quote = self._quotes.get(served)
        if quote is None or quote.price is None:
            made = Charge(reason=_NO_QUOTE if quote is None else quote.reason)
        else:
            made = charge(line.usage, quote.price)
        total = made.total
        self._sums.setdefault((*served, made.reason), _Sum()).add(line, made)
        return msgspec.structs.replace(
            line,
            provider=provider,
            price=self._prices.get(served),
            cost_usd=None if total is None else usd_told(total),
            reason=made.reason,
        )

    def _entry(self, served: Sequence[str | None], reason: str | None, counted: "_Sum") -> Entry:
        deployment, model, service_tier = served
        return Entry(
            deployment=deployment,
            provider=self._providers.get(deployment),
            model=model,
            price=None if reason else self._prices.get((deployment, model, service_tier)),
            reason=reason,
            lines=counted.lines,
            usage=Usage(**counted.tokens),
            usd=counted.usd,
        )


class _Sum:
    """Lines that are charged alike, as numbers that grow: an Entry of each would take too long."""

    def __init__(self) -> None:
        self.lines = 0
        self.tokens: Counter[str] = Counter()
        self.usd: dict[TokenKind, Decimal] = {}

    def add(self, line: ReceiptLine, made: Charge) -> None:
        self.lines += 1
        for name, count in line.tokens.items():
            self.tokens[name] += count
        for kind, usd in made.usd.items():
            self.usd[kind] = self.usd.get(kind, Decimal(0)) + usd
