"""What a step remembers of things that its provider should have and does not show: since when it misses them.

It is kept with the heartbeats, since every look is an attempt of its own, perhaps in another process. A count
of attempts would not do: a provider that is down uses them up, and so does a worker that is told to stop.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from temporalio import activity

RESULTS_AWAITED = timedelta(minutes=10)
"""How long results are looked for that a job which has ended should have. A provider may take its time to
show them, or be asked with another project's key for a moment; they are paid for, but their batch is to end.
"""

JOB_LOOKED_FOR = timedelta(days=1)
"""How long a clean-up looks for a job that may still run and that nobody knows of. A key of another project
is set right by then; a provider that has forgotten a job for good will not remember it."""

ENOUGH_LOOKS = 3
"""How often something was looked for in vain, at the least, before it is given up: a provider that was down
for all the while but the beginning has shown nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Since when something is missed, how often it was looked for; of how many lines results were `kept`."""

    since: datetime
    looks: int = 0
    kept: int = 0

    @classmethod
    def so_far(cls) -> Self | None:
        """Return what earlier attempts of the running activity have missed."""
        match activity.info().heartbeat_details:
            case [[int() | float() as since, int(looks), int(kept)]]:
                return cls(since=datetime.fromtimestamp(since, UTC), looks=looks, kept=kept)
            case _:
                return None

    def again(self, *, kept: int = 0) -> Self:
        """Return it after another look in vain."""
        return replace(self, looks=self.looks + 1, kept=max(kept, self.kept))

    def is_over(self, patience: timedelta, *, at: datetime) -> bool:
        """Tell whether it was looked for long enough."""
        return at - self.since >= patience and self.looks >= ENOUGH_LOOKS


def missed_again(missed: Missed | None, *, kept: int = 0) -> Missed:
    """Return what is missed after a look in vain, perhaps the first, and have the next attempt know it."""
    missed = (missed or Missed(since=datetime.now(UTC))).again(kept=kept)
    activity.heartbeat(details_of(missed))
    return missed


def details_of(missed: Missed | None) -> list[object]:
    """Return it as a heartbeat carries it."""
    return [] if missed is None else [missed.since.timestamp(), missed.looks, missed.kept]
