"""All batches at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How many batches have which status, as clients see it, and what becomes of those that run.

    `running` counts their lines, `waiting` those that say what they wait for.
    """

    batches: Mapping[BatchStatus, int] = field(default_factory=dict)
    running: Counts = field(default_factory=Counts)
    waiting: int = 0
    oldest_age: timedelta = timedelta(0)
