"""How long the line lane waits, for what, and how often it tries again."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Every duration of the lane's retries, in one object, so that a test can be impatient."""

    attempts: int = 6
    """How often a line is tried before its failure is its outcome; a deployment that is down uses up none."""

    first_backoff: timedelta = timedelta(seconds=0.5)
    longest_backoff: timedelta = timedelta(seconds=30)
    """Between these two the pause after a line's failure doubles, with full jitter."""

    longest_retry_after: timedelta = timedelta(minutes=2)
    """What a `Retry-After` is cut to."""

    first_probe: timedelta = timedelta(seconds=1)
    longest_probe: timedelta = timedelta(seconds=30)
    """Between these two doubles the time for which a deployment that is down is left alone."""

    connect: timedelta = timedelta(seconds=30)
    """How long making a connection may take."""

    doubt: timedelta = timedelta(minutes=10)
    """How long a line that is refused while others are answered is given the benefit of the doubt."""

    rate_limit_doubt: timedelta = timedelta(hours=1)
    """The same for 429, which is least likely to be the line's own fault."""

    def backoff(self, failures: int) -> float:
        """Return how many seconds to wait after the `failures`-th failure in a row (from 1)."""
        doublings = min(failures - 1, 32)
        ceiling = min(self.first_backoff * 2.0**doublings, self.longest_backoff)
        return ceiling.total_seconds() * random.random()  # noqa: S311 - jitter keeps no secret

    def capped(self, retry_after: timedelta | None) -> float:
        """Return how many seconds of a `Retry-After` are honoured; 0 if there was none."""
        if retry_after is None:
            return 0.0
        return min(retry_after, self.longest_retry_after).total_seconds()
