"""What tokens cost: rates in US dollars a token, exact, and where they come from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from overnight.domain.usage import TokenKind

CURRENCY = "usd"

PLACES = 18
"""Decimal places of a rate and of every sum. Rates have no more of them, so that no sum is ever rounded."""

DECLARED = "model_info"
"""The source of a price that the operator has declared."""

OTHER_TIER = "other"
"""A service tier of an endpoint that makes up a new one for each answer. Nobody knows what it costs."""

_USUAL_TIERS = frozenset({"auto", "default", "on_demand", "standard"})


def dearer_or_cheaper(service_tier: str | None) -> str | None:
    """Return the service tier that an answer names, or None if it is one that costs what is usual."""
    return None if service_tier in _USUAL_TIERS else service_tier


def usd_told(amount: Decimal) -> str:
    """Return an amount with all its digits, and no zeros behind them."""
    told = f"{amount:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars a token, by kind; a kind that is not in it has no known price.

    They hold for a request whose input has more than `above` tokens, unless others with a higher bound do.
    """

    usd: Mapping[TokenKind, Decimal]
    above: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs at a deployment. It says all that is needed to make the sum again.

    `source` is `model_info`, or the name and version of a price list.
    `rates` rise in `above`, from 0. `model` is what the source calls the model. `discount` is the part that
    was taken off the source's rates (0.5 is half), because the provider has published it for all batches.
    `service_tier` is the only one that it holds for; None is for a price that does not ask.
    """

    source: str
    rates: tuple[Rates, ...]
    model: str | None = None
    discount: Decimal | None = None
    service_tier: str | None = None

    @property
    def id(self) -> str:
        """What tells it from any other, made of what it says."""
        said = [self.source, self.model or "", _digits(self.discount) if self.discount else ""]
        if self.service_tier:
            said.append(f"service_tier={self.service_tier}")
        for rates in self.rates:
            said.append(str(rates.above))
            said.extend(f"{kind}={_digits(rates.usd[kind])}" for kind in sorted(rates.usd))
        digest = hashlib.sha256("\0".join(said).encode()).hexdigest()
        return f"price_{digest[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What the answers of one model at one deployment are charged at, or why nobody knows.

    `service_tier` is the one that they name, None if that is the usual one.
    """

    deployment: str | None
    model: str | None
    provider: str | None = None
    price: Price | None = None
    reason: str | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """US dollars by kind of token, or why there are none."""

    usd: Mapping[TokenKind, Decimal] = field(default_factory=dict)
    reason: str | None = None

    @property
    def total(self) -> Decimal | None:
        """All kinds together; None where something has no price."""
        return sum(self.usd.values(), Decimal(0)) if self.reason is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredPrice:
    """US dollars a token, as histories of earlier versions hold them."""

    input: Decimal
    output: Decimal


def _digits(amount: Decimal) -> str:
    # 0.10 is 0.1, however it came to be written.
    return f"{amount.normalize():f}"
