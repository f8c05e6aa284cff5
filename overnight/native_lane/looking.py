"""When to look at a job again: soon at first, seldom in the long middle, soon again near the end."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from overnight.domain.usage import Counts

GROWTH = 1.4
JITTER = 0.1
"""Up to this share is added to an interval, so that a thousand jobs are not all asked for at once. It is
added, since the longest interval is what bounds the calls: never more than one a second for sixty jobs."""

STILL_AFTER = timedelta(hours=6)
"""A job whose counts have not moved for this long is worth a word. A queue can be that long, seldom is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What was seen of a job: how much was done when it last moved, and how fast it was then."""

    done: int
    moved_at: datetime
    lines_a_second: float = 0.0

    def look(self, counts: Counts, *, at: datetime) -> "Watch":
        """Return the watch after another look."""
        if counts.done == self.done:
            return self
        seconds = (at - self.moved_at).total_seconds()
        speed = (counts.done - self.done) / seconds if seconds > 0 else 0.0
        return replace(self, done=counts.done, moved_at=at, lines_a_second=max(0.0, speed))

    def stillness(self, counts: Counts, *, at: datetime) -> str | None:
        """Say that a job has stopped moving, if it has."""
        still = at - self.moved_at
        if still < STILL_AFTER:
            return None
        hours = int(still.total_seconds() // 3600)
        return f"its job has not moved for {hours} hours, at {counts.done:,} of {counts.total:,} lines"


def next_look(
    *,
    attempt: int,
    watch: Watch,
    counts: Counts,
    initial: timedelta,
    longest: timedelta,
    at: datetime,
    chance: float,
) -> timedelta:
    """Return how long to wait after the `attempt`-th look (from 1); `chance` is a random number in [0, 1).

    The interval grows from `initial` to `longest`, but reaches no further than half the time that the
    lines left would take at the speed seen, or than half the time for which the job has stood still, should
    that be longer: then it was not so near its end.
    """
    # The exponent is bounded, since a day of looks would overflow a float.
    interval = min(initial * GROWTH ** min(attempt - 1, 60), longest)
    left = counts.total - counts.done
    if watch.lines_a_second > 0 and counts.total:
        rest = timedelta(seconds=min(left / watch.lines_a_second, longest.total_seconds() * 2))
        rest = max(rest, at - watch.moved_at)
        interval = max(min(interval, rest / 2), min(initial, longest))
    return interval * (1 + JITTER * chance)
