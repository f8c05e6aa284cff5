"""How a gateway stops that is told to, and how long that takes."""

from dataclasses import dataclass
from datetime import timedelta

DRAIN = timedelta(seconds=5)
"""How long `overnight gateway` drains."""

GRACE = timedelta(seconds=10)

_TO_CLOSE = timedelta(seconds=5)
"""What a gateway needs beyond that, to close what it has opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """The way in which a gateway stops.

    For as long as it is to `drain` it does everything as before, but is not ready any more, so that whoever
    balances loads sends it nothing new. Then it takes no connection any more, and what is under way has a
    `grace` to end in.
    """

    drain: timedelta = timedelta(0)
    grace: timedelta = GRACE

    @property
    def ends_within(self) -> timedelta:
        """How long whoever stops it has to wait before killing it."""
        return self.drain + self.grace + _TO_CLOSE


AT_ONCE = Stopping()
