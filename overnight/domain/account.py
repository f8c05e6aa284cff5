"""What a batch, or a part of it, has used and cost."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from overnight.domain.price import Price
from overnight.domain.usage import TokenKind, Usage

MAX_ENTRIES = 50
"""Of an account; an endpoint that gives its model another name in every answer is not to make more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The answers of one model at one deployment, charged at one price.

    `lines` counts answers, `usd` is by kind of token. Without a price `reason` says why there is none.
    `deployment` is an id and None for what an earlier version has left.
    """

    deployment: str | None = None
    provider: str | None = None
    model: str | None = None
    price: str | None = None
    reason: str | None = None
    lines: int = 0
    usage: Usage = field(default_factory=Usage)
    usd: Mapping[TokenKind, Decimal] = field(default_factory=dict)

    @property
    def cost(self) -> Decimal | None:
        """US dollars; None where there is no price."""
        return sum(self.usd.values(), Decimal(0)) if self.reason is None else None

    @property
    def _identity(self) -> tuple[str | None, ...]:
        return self.deployment, self.provider, self.model, self.price, self.reason

    def of_any_model(self) -> "Entry":
        """Return it as one of several models' entries, which together are one."""
        return replace(
            self, model=None, reason=None if self.reason is None else "no price of these models is known"
        )

    def plus(self, other: "Entry") -> "Entry":
        """Return both together, which have the same price or the same reason for having none."""
        return replace(
            self,
            lines=self.lines + other.lines,
            usage=self.usage + other.usage,
            usd=_sum(self.usd, other.usd),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """All entries, and the prices that they were charged at, by their ids."""

    entries: tuple[Entry, ...] = ()
    prices: Mapping[str, Price] = field(default_factory=dict)

    @property
    def priced(self) -> Decimal:
        """US dollars of all that has a price."""
        return sum((entry.cost or Decimal(0) for entry in self.entries), Decimal(0))

    @property
    def cost(self) -> Decimal | None:
        """US dollars; None where some answer has no price, which is not the same as 0."""
        return None if self.unpriced_lines else self.priced

    @property
    def lines(self) -> int:
        """How many answers there are."""
        return sum(entry.lines for entry in self.entries)

    @property
    def unpriced_lines(self) -> int:
        """How many answers have no price."""
        return sum(entry.lines for entry in self.entries if entry.reason is not None)

    @property
    def usage(self) -> Usage:
        """All tokens."""
        return sum((entry.usage for entry in self.entries), Usage())

    @property
    def usd(self) -> Mapping[TokenKind, Decimal]:
        """US dollars by kind of token, of all that has a price."""
        together: Mapping[TokenKind, Decimal] = {}
        for entry in self.entries:
            together = _sum(together, entry.usd)
        return together

    def plus_uncharged(self, lines: int, *, reason: str) -> "Account":
        """Return it with answers of which nobody knows more than that there are so many."""
        return replace(self, entries=(*self.entries, Entry(reason=reason, lines=lines))) if lines else self


def together(accounts: Iterable[Account]) -> Account:
    """Return one account of many: what has the same price at the same place becomes one entry."""
    entries: dict[tuple[str | None, ...], Entry] = {}
    prices: dict[str, Price] = {}
    for account in accounts:
        prices |= account.prices
        for each in account.entries:
            crowded = each._identity not in entries and len(entries) >= MAX_ENTRIES  # noqa: SLF001 - the same
            entry = each.of_any_model() if crowded else each
            known = entries.get(entry._identity)  # noqa: SLF001 - of its own module
            entries[entry._identity] = known.plus(entry) if known else entry  # noqa: SLF001 - the same
    return Account(entries=tuple(entries.values()), prices=prices)


def _sum(one: Mapping[TokenKind, Decimal], other: Mapping[TokenKind, Decimal]) -> dict[TokenKind, Decimal]:
    zero = Decimal(0)
    return {
        kind: one.get(kind, zero) + other.get(kind, zero)
        for kind in TokenKind
        if kind in one or kind in other
    }
