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

_READ = frozenset(kind for kind in TokenKind if not kind.startswith(("output", "reasoning")))


def charge(usage: Usage, price: Price) -> Charge:
    """Return US dollars by kind of token; a reason instead, if nobody knows what something costs.

    That is a kind of token that the price says nothing of, and tokens that the answer does not tell.
    """
    # There is no request without input, so none that is told is one that is not told.
    if usage.output and not usage.input and not _reads_for_nothing(price):
        return Charge(reason="the answer does not say how many tokens it read")
    return charge_as_told(usage, price)


def charge_as_told(usage: Usage, price: Price) -> Charge:
    """Charge as earlier versions did, which took an input that an answer does not tell for none at all."""
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


def _reads_for_nothing(price: Price) -> bool:
    """Whether input is known to cost nothing, however much there is."""
    known = [rates.usd for rates in price.rates]
    return all(TokenKind.INPUT in usd and not any(usd.get(kind) for kind in _READ) for usd in known)


def rates_for(usage: Usage, price: Price) -> Rates:
    """Return the rates that hold for a request."""
    # All tokens of a request cost what its length makes them cost, not only those beyond the bound.
    applicable = price.rates[0]
    for rates in price.rates[1:]:
        if usage.input > rates.above:
            applicable = rates
    return applicable
