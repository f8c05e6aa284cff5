"""Domain error → Temporal's failure: the one place that decides what is worth retrying.

An error's type and message go into the workflow's history and are shown in the UI. Overnight's own errors
are written for that. Of any other only the type and the place are told: its message might quote a
request, an answer or a key.
"""

import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from overnight.domain.errors import (
    BatchOver,
    InvalidRequest,
    OvernightError,
    ProviderUnavailable,
    UnknownBatch,
    UnknownFile,
)
from overnight.outcomes import UnansweredLines

NOT_RETRYABLE: tuple[type[OvernightError], ...] = (
    BatchOver,
    InvalidRequest,
    UnansweredLines,
    UnknownBatch,
    UnknownFile,
)
"""Trying again with the same input can only end the same way."""

LONGEST_PAUSE = timedelta(hours=1)
"""What a provider's `Retry-After` is cut to."""

_log = structlog.stdlib.get_logger(__name__)


class FailureTranslation(Interceptor):
    """Translates what any activity of a worker raises."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Wrap the activity."""
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - Temporal's signature
        try:
            return await super().execute_activity(input)
        except TemporalError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its message must not reach the history
            failure = as_failure(error, usual_pause=_usual_pause())
            _log.warning("activity failed", error=failure.type, reason=failure.message)
            raise failure from None


def as_failure(error: Exception, *, usual_pause: timedelta = timedelta(0)) -> ApplicationError:
    """Return what Temporal is told of `error`; `usual_pause` is how long it would wait by itself."""
    if isinstance(error, OvernightError):
        retryable = not isinstance(error, NOT_RETRYABLE)
        return ApplicationError(
            error.message,
            type=type(error).__name__,
            non_retryable=not retryable,
            next_retry_delay=_pause(error, usual_pause),
        )
    return ApplicationError(f"unexpected error {_place(error)}", type=type(error).__name__)


def _pause(error: OvernightError, usual: timedelta) -> timedelta | None:
    """Return when to try again if a provider has said so, but never sooner than is `usual`."""
    if isinstance(error, ProviderUnavailable) and error.retry_after is not None:
        return max(usual, min(error.retry_after, LONGEST_PAUSE))
    return None


def _usual_pause() -> timedelta:
    """Return how long Temporal would wait by itself before it tries the running activity again."""
    info = activity.info()
    policy = info.retry_policy
    if policy is None:
        return timedelta(0)
    longest = policy.maximum_interval or LONGEST_PAUSE
    pause = policy.initial_interval * policy.backoff_coefficient ** min(info.attempt - 1, 32)
    return min(pause, longest)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "with no traceback"
    return f"in {Path(frames[-1].filename).name}:{frames[-1].lineno}"
