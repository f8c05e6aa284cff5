"""Usage × price → money. Pure: whoever has both gets the same sum, to the last digit."""

from decimal import Decimal

from overnight.domain.price import Charge, Price, Rates
from overnight.domain.usage import TokenKind, Usage

_WORDS = {
    TokenKind.CACHED: "tokens read from the cache",
    TokenKind.CACHE_WRITTEN: "tokens written to the cache",
    TokenKind.CACHE_WRITTEN_1H: "tokens kept in the cache for an hour",
    TokenKind.CACHED_AUDIO: "audio read from the cache",
    TokenKind.CACHED_IMAGE: "images read from the cache",
}


def charge(usage: Usage, price: Price) -> Charge:
    """Return US dollars by kind of token; a reason instead, if the price says nothing of a kind there is."""
    rates = rates_for(usage, price)
    if not usage.total and any(rates.usd.values()):
        return Charge(reason="the answer does not say how many tokens it used")
    usd: dict[TokenKind, Decimal] = {}
    for kind, count in usage.by_kind().items():
        rate = rates.usd.get(kind)
        if rate is None:
            return Charge(reason=f"no price is known for {_WORDS.get(kind, kind.replace('_', ' '))}")
        usd[kind] = count * rate
    return Charge(usd)


def rates_for(usage: Usage, price: Price) -> Rates:
    """Return the rates that hold for a request."""
    # All tokens of a request cost what its length makes them cost, not only those beyond the bound.
    applicable = price.rates[0]
    for rates in price.rates[1:]:
        if usage.input > rates.above:
            applicable = rates
    return applicable
