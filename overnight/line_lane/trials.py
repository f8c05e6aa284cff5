"""What one line has been through, and whether it is tried again. The waiting itself is the sender's."""

from typing import assert_never

from overnight.line_lane.availability import Availability
from overnight.line_lane.patience import Patience
from overnight.line_lane.transport import BadReply, Failure
from overnight.line_lane.verdict import RATE_LIMITED, Verdict, asks_everyone_to_pause, refusal_reason


class Trials:
    """One line's failures so far. Made at its first failure: most lines never have one.

    Moments are the event loop's seconds. `verdict.py` has the rules in words.
    """

    __slots__ = ("_availability", "_charged", "_first_sent", "_patience", "_refusals", "_refused_since")

    def __init__(self, availability: Availability, patience: Patience, *, first_sent: float) -> None:
        self._availability = availability
        self._patience = patience
        self._first_sent = first_sent
        self._charged = 0
        self._refusals = 0
        self._refused_since: float | None = None

    def pause(
        self, failure: Failure, verdict: Verdict, *, sent_at: float, now: float, probing: bool
    ) -> float | None:
        """Return how many seconds the line waits before its next try, or None if this was the last.

        Tells the deployment's availability what this failure means for everybody.
        """
        match verdict:
            case Verdict.UNREACHABLE:
                self._availability.refused(refusal_reason(failure))
                return 0.0
            case Verdict.REFUSAL:
                return self._after_refusal(failure, sent_at=sent_at, now=now, probing=probing)
            case Verdict.FAILED_TRY:
                return self._after_failure(failure, probing=probing)
            case Verdict.FINAL:
                self._availability.answered(sent_at=sent_at)
                return None
            case _:
                assert_never(verdict)

    def _after_refusal(self, failure: Failure, *, sent_at: float, now: float, probing: bool) -> float | None:
        self._refusals += 1
        if self._refused_since is None:
            self._refused_since = now
        others_answered = self._availability.answered_since(sent_at)
        if not others_answered:
            self._availability.refused(refusal_reason(failure))
        if isinstance(failure, BadReply) and asks_everyone_to_pause(failure):
            self._availability.hold(self._patience.capped(failure.retry_after))
        if self._beyond_doubt(failure, now=now):
            # Others may be beyond it as well, and find out only by being refused once more.
            self._availability.reopen()
            return None
        if others_answered and not _rate_limited(failure):
            return self._charge(failure)
        # A probe's next turn is the gate's to give; who was refused at an open gate keeps a distance too.
        return 0.0 if probing else self._patience.backoff(self._refusals)

    def _after_failure(self, failure: Failure, *, probing: bool) -> float | None:
        if isinstance(failure, BadReply) and probing:
            # It is an answer of sorts: the deployment is there, and each line must see for itself.
            self._availability.reopen()
        return self._charge(failure)

    def _charge(self, failure: Failure) -> float | None:
        self._charged += 1
        if self._charged >= self._patience.attempts:
            return None
        asked = failure.retry_after if isinstance(failure, BadReply) else None
        return max(self._patience.backoff(self._charged), self._patience.capped(asked))

    def _beyond_doubt(self, failure: Failure, *, now: float) -> bool:
        doubt = self._patience.rate_limit_doubt if _rate_limited(failure) else self._patience.doubt
        refused_for = now - (now if self._refused_since is None else self._refused_since)
        return refused_for >= doubt.total_seconds() and self._availability.answered_since(self._first_sent)


def _rate_limited(failure: Failure) -> bool:
    return isinstance(failure, BadReply) and failure.status == RATE_LIMITED
