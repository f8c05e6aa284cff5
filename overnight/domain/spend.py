"""Questions about money, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from overnight.domain.usage import Usage


class SpendBy(StrEnum):
    """What spending may be grouped by. `tag` is one of the keys of the batches' metadata."""

    DAY = "day"
    MODEL = "model"
    PROVIDER = "provider"
    PROJECT = "project"
    KEY = "key"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendQuery:
    """What is asked about a project's batches that ended from `since` to `until`, both included (UTC)."""

    project: str
    by: tuple[SpendBy, ...]
    since: date | None = None
    until: date | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What one group came to. `lines` are answers; `usd` is what those with a price cost together."""

    group: Mapping[SpendBy, str | None]
    batches: int
    lines: int
    unpriced_lines: int
    usage: Usage
    usd: Decimal
