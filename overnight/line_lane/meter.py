"""What is counted of one deployment's lines.

A line that is answered costs nothing here: it is counted with others, once a second, from what its chunk has
added up anyway. Only what goes wrong is counted as it happens.
"""

from typing import assert_never

from overnight.domain.deployment import Deployment
from overnight.domain.usage import Counts
from overnight.line_lane.transport import BadReply, Failure, Lost, TimedOut, TooLarge, Unreachable
from overnight.telemetry import metrics

_VERB = "line"
_KEY_REFUSED = (401, 403)
_RATE_LIMITED = 429


class LineMeter:
    """One deployment's, by the name that its operator gave it."""

    def __init__(self, deployment: Deployment) -> None:
        self._provider = deployment.provider
        labels = deployment.provider, deployment.model_name
        self._completed = metrics.LINE_LANE_LINES.labels(*labels, "completed")
        self._failed = metrics.LINE_LANE_LINES.labels(*labels, "failed")
        self._tokens = metrics.LINE_LANE_TOKENS.labels(*labels)
        self._retries = metrics.LINE_LANE_RETRIES.labels(*labels)
        self._paused = metrics.DEPLOYMENT_PAUSED.labels(*labels)
        self._is_paused = False

    def answered(self, counts: Counts, *, tokens: int) -> None:
        """Count so many lines more, and the tokens of their answers."""
        self._completed.inc(counts.completed)
        self._failed.inc(counts.failed)
        self._tokens.inc(tokens)

    def failed(self, failure: Failure) -> None:
        """Count a try that has failed, whatever becomes of its line."""
        metrics.PROVIDER_ERRORS.labels(self._provider, _VERB, failure_kind(failure)).inc()

    def sent_again(self) -> None:
        """Count a line that is about to be sent again."""
        self._retries.inc()

    def paused(self, *, now: bool) -> None:
        """Say whether the deployment's lines go nowhere just now."""
        # Counted, since other deployments of the model have the same labels.
        self._paused.inc(now - self._is_paused)
        self._is_paused = now


def failure_kind(failure: Failure) -> str:
    """Return what kind of thing went wrong, in the words of `telemetry.labels.error_kind` and some more."""
    match failure:
        case Unreachable():
            return "unreachable"
        case Lost():
            return "lost"
        case TimedOut():
            return "timed_out"
        case TooLarge():
            return "too_large"
        case BadReply(status=status):
            return _kind_of_status(status)
        case _:
            assert_never(failure)


def _kind_of_status(status: int) -> str:
    if status in _KEY_REFUSED:
        return "key_refused"
    if status == _RATE_LIMITED:
        return "rate_limited"
    if status >= 500:
        return "unavailable"
    return "unreadable" if status < 300 else "refused"
