"""What an outcome says: about the line, or about the deployment. The rules of trying again, without waiting.

- A 2xx with a JSON object is the answer.
- No connection, for whatever reason, is always the deployment's fault.
- 401, 403, 429, 502, 503 and a connection that closes without a word are refusals: the deployment's fault,
  unless it has answered a request that was sent after this one.
- 408, 409, any other 5xx, a timeout, a connection lost in mid-answer and a 2xx that is no JSON object are a
  failed try: the line is tried again.
- Any other status is the line's own outcome, at once.

A refusal that is not the deployment's counts as a failed try; but 429 never does: that others are answered
is what a rate limit looks like. So that a line which alone is refused for ever does not keep its batch
waiting for ever, a refusal becomes the line's own after `Patience.doubt`, provided that the deployment
answered others after the line's first try.
"""

from enum import Enum, auto
from typing import assert_never

from overnight.line_lane.transport import BadReply, Failure, Lost, TimedOut, TooLarge, Unreachable

_REFUSALS = frozenset({401, 403, 429, 502, 503})
_TRANSIENT = frozenset({408, 409})
RATE_LIMITED = 429
_ASKS_TO_PAUSE = frozenset({RATE_LIMITED, 503})


class Verdict(Enum):
    """What to do about a failure."""

    UNREACHABLE = auto()
    REFUSAL = auto()
    FAILED_TRY = auto()
    FINAL = auto()


def judge(failure: Failure) -> Verdict:
    """Say what to do about a failure. A 2xx here has no JSON object in it."""
    match failure:
        case BadReply(status=status):
            return _judge_status(status)
        case Unreachable():
            return Verdict.UNREACHABLE
        case Lost(answering=False):
            return Verdict.REFUSAL
        case Lost() | TimedOut():
            return Verdict.FAILED_TRY
        case TooLarge():
            return Verdict.FINAL
        case _:
            assert_never(failure)


def _judge_status(status: int) -> Verdict:
    if status in _REFUSALS:
        return Verdict.REFUSAL
    if status in _TRANSIENT or status >= 500 or status < 300:
        return Verdict.FAILED_TRY
    return Verdict.FINAL


def refusal_reason(failure: Failure) -> str:
    """Say, for people, how the deployment refuses."""
    match failure:
        case Unreachable(reason=reason):
            return reason
        case BadReply(status=status):
            return f"endpoint answers {status}"
        case _:
            return "endpoint closes connections without an answer"


def asks_everyone_to_pause(reply: BadReply) -> bool:
    """Whether the endpoint named a pause that is meant for all lines, not only for this one."""
    return reply.status in _ASKS_TO_PAUSE and reply.retry_after is not None
