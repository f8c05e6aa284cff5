"""What a batch cost, over the wire. Money is a string with all its digits; JSON's numbers would round it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, Field

from overnight.domain.account import Account, Entry
from overnight.domain.price import Price, Rates, usd_told
from overnight.domain.usage import TokenKind, Usage
from overnight.outcomes.receipt_line import tokens_of

Usd = str
ByKind = dict[TokenKind, Usd]


class RatesObject(BaseModel):
    """US dollars a token, by kind, for requests whose input has more than `above_input_tokens`."""

    above_input_tokens: int
    usd_per_token: ByKind

    @classmethod
    def of(cls, rates: Rates) -> Self:
        """Return the object of some rates."""
        return cls(above_input_tokens=rates.above, usd_per_token=_by_kind(rates.usd))


class PriceObject(BaseModel):
    """What answers were charged at."""

    id: str
    source: str = Field(description="`model_info`, or the price list and its version.")
    model: str | None = Field(description="What the price list calls the model.")
    discount: str | None = Field(
        description="The part that was taken off the list's price, as its provider publishes for all batches."
    )
    service_tier: str | None = Field(description="The only one that it holds for, if there is one.")
    rates: list[RatesObject]

    @classmethod
    def of(cls, price_id: str, price: Price) -> Self:
        """Return the object of a price."""
        return cls(
            id=price_id,
            source=price.source,
            model=price.model,
            discount=None if price.discount is None else usd_told(price.discount),
            service_tier=price.service_tier,
            rates=[RatesObject.of(rates) for rates in price.rates],
        )


class CostEntry(BaseModel):
    """The answers of one model at one deployment."""

    provider: str | None
    deployment: str | None
    model: str | None = Field(description="What the model called itself in its answers.")
    requests: int
    tokens: dict[str, int]
    cost_usd: Usd | None
    price: str | None = Field(description="The id of one of `prices`.")
    reason: str | None = Field(description="Why there is no cost.")

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return the object of an entry."""
        return cls(
            provider=entry.provider,
            deployment=entry.deployment,
            model=entry.model,
            requests=entry.lines,
            tokens=tokens_of(entry.usage),
            cost_usd=None if entry.cost is None else usd_told(entry.cost),
            price=entry.price,
            reason=entry.reason,
        )


class CostObject(BaseModel):
    """What a batch cost, and what that is made of."""

    currency: Literal["usd"] = "usd"
    total_usd: Usd | None = Field(description="Null where some answer has no known price.")
    priced_usd: Usd = Field(description="What all answers with a known price cost together.")
    unpriced_requests: int
    by_token_kind: ByKind = Field(description="Every token is of one kind, so these add up to `priced_usd`.")
    by_model: list[CostEntry]
    prices: list[PriceObject]

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return the object of an account."""
        return cls(
            total_usd=None if account.cost is None else usd_told(account.cost),
            priced_usd=usd_told(account.priced),
            unpriced_requests=account.unpriced_lines,
            by_token_kind=_by_kind(account.usd),
            by_model=[CostEntry.of(entry) for entry in account.entries],
            prices=[PriceObject.of(price_id, price) for price_id, price in account.prices.items()],
        )


class TokenTotals(BaseModel):
    """Tokens of many requests."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """Return the object of a sum of tokens."""
        return cls(
            input_tokens=usage.input,
            cached_tokens=usage.cached,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
        )


def _by_kind(amounts: Mapping[TokenKind, Decimal]) -> ByKind:
    return {kind: usd_told(amount) for kind, amount in amounts.items()}
