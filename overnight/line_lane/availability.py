"""Whether a deployment can be sent to just now. One that is down is not a line that failed.

Lines that meet a deployment which is down wait here, all of them, and no try of theirs counts. One at a
time they are let through as a probe, at growing intervals; the first real answer frees all the others.
"""

import asyncio
from collections import deque

from overnight.line_lane.patience import Patience

_ASKED_TO_PAUSE = "endpoint asked for a pause"
_NEVER = float("-inf")


class Availability:
    """The gate before one deployment, shared by all its lines in the process.

    `is_open` is the fast path: while it is True nobody needs to call `wait`. Moments are the event loop's
    seconds.
    """

    def __init__(self, patience: Patience) -> None:
        self.is_open = True
        self._patience = patience
        self._reason: str | None = None
        self._not_before = _NEVER
        self._newest_answered = _NEVER
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._interval = patience.first_probe
        self._probing = False
        self._probe_due = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting_on(self) -> str | None:
        """Say, for people, why no line is sent; None while lines are sent. It never holds a key or a URL."""
        return self._reason or (None if self.is_open else _ASKED_TO_PAUSE)

    async def wait(self) -> bool:
        """Wait until a request may be sent. True if it is the probe, which must call `probe_ended`."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._probe_due:
            self._take_turn()
        else:
            self._arm()
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():
                self.probe_ended()
            raise

    def answered(self, *, sent_at: float) -> None:
        """Note that a request sent at `sent_at` was answered: the deployment is there."""
        self._newest_answered = max(self._newest_answered, sent_at)
        if not self.is_open:
            self.reopen()

    def answered_since(self, moment: float) -> bool:
        """Whether a request that was sent after `moment` has been answered."""
        return self._newest_answered > moment

    def refused(self, reason: str) -> None:
        """Note that the deployment is down, for people in `reason`; every line waits from now on."""
        self._reason = reason
        self.is_open = False
        self._arm()

    def hold(self, seconds: float) -> None:
        """Send nothing for so many seconds, whoever answers meanwhile: the deployment asked for it."""
        now = asyncio.get_running_loop().time()
        self._not_before = max(self._not_before, now + seconds)
        self.is_open = False
        self._arm()

    def probe_ended(self) -> None:
        """Note that the probe is over, whatever came of it, so that there can be another."""
        self._probing = False
        if self._reason:
            self._interval = min(self._interval * 2, self._patience.longest_probe)
        if not self.is_open:
            self._arm()

    def reopen(self) -> None:
        """Take the deployment for available again and free every line that waits."""
        self._reason = None
        self._interval = self._patience.first_probe
        self._disarm()
        self._take_turn()

    def close(self) -> None:
        """Forget the timer; the process is going."""
        self._disarm()

    def _arm(self) -> None:
        if self._timer or self._probing or self._probe_due:
            return
        loop = asyncio.get_running_loop()
        probe_at = loop.time() + self._interval.total_seconds() if self._reason else _NEVER
        self._timer = loop.call_at(max(probe_at, self._not_before), self._take_turn)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _take_turn(self) -> None:
        self._timer = None
        self._probe_due = False
        if asyncio.get_running_loop().time() < self._not_before:
            self._arm()
        elif self._reason is None:
            self.is_open = True
            self._let_all_through()
        else:
            self._let_one_probe()

    def _let_all_through(self) -> None:
        while turn := self._next_waiting():
            turn.set_result(False)

    def _let_one_probe(self) -> None:
        if turn := self._next_waiting():
            self._probing = True
            turn.set_result(True)
        else:
            self._probe_due = True

    def _next_waiting(self) -> asyncio.Future[bool] | None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None
