"""Domain error → Temporal's failure: the one place that decides what is worth retrying.

An error's type and message go into the workflow's history and are shown in the UI. Overnight's own errors
are written for that. Of any other only the type and the place are told: its message might quote a
request, an answer or a key.
"""

import asyncio
import logging
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, TemporalError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from overnight.domain.errors import (
    BatchOver,
    InvalidRequest,
    NotReadyYet,
    ObjectNotFound,
    OvernightError,
    ProviderUnavailable,
    UnknownBatch,
    UnknownFile,
    WebhookNotTaken,
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

OBJECT_MISSED = timedelta(days=1)
"""How long a step looks for bytes that are not where they were put. A volume that was not mounted, or a
bucket that is being restored, brings them back within a day or not at all; and a batch is to end."""

LONGEST_PAUSE = timedelta(hours=1)
"""What a provider's, or a webhook's, `Retry-After` is cut to."""

SOONEST_LOOK = timedelta(seconds=2)
LATEST_LOOK = timedelta(seconds=10)
LOOKS_GROW = 6
"""When a provider is asked again whether it has taken a file in: soon at first, for most are within seconds;
later the share of the time waited so far that is one in so many."""

HANDED_BACK = "HandedBack"
"""The type of what a step ends with whose worker was told to stop: somebody else goes on with it at once."""

_AT_ONCE = timedelta(milliseconds=1)
"""Less than the usual pause, which is for what has failed. Zero would mean the usual one."""

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
        except asyncio.CancelledError:
            if is_worker_stopping():
                raise handed_back() from None
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its message must not reach the history
            failure = as_failure(error, usual_pause=usual_pause(), tried_for=tried_for())
            # What is only not ready yet is looked at every few seconds, and nothing is wrong.
            level = logging.DEBUG if isinstance(error, NotReadyYet) else logging.WARNING
            _log.log(level, "activity failed", error=failure.type, reason=failure.message)
            raise failure from None


def is_worker_stopping() -> bool:
    """Tell whether the running activity is to end because its worker does, and not its batch."""
    details = activity.cancellation_details()
    return activity.is_worker_shutdown() and not (details and details.cancel_requested)


def handed_back() -> ApplicationError:
    """Return what has another worker go on with the running activity at once. Nothing has failed."""
    return ApplicationError(
        "its worker was told to stop",
        type=HANDED_BACK,
        next_retry_delay=_AT_ONCE,
        category=ApplicationErrorCategory.BENIGN,
    )


def as_failure(
    error: Exception, *, usual_pause: timedelta = timedelta(0), tried_for: timedelta = timedelta(0)
) -> ApplicationError:
    """Return what Temporal is told of `error`.

    `usual_pause` is how long it would wait by itself, `tried_for` how long ago the step was first tried.
    """
    if isinstance(error, OvernightError):
        missed = isinstance(error, ObjectNotFound) and tried_for >= OBJECT_MISSED
        retryable = not missed and not isinstance(error, NOT_RETRYABLE)
        return ApplicationError(
            error.message,
            type=type(error).__name__,
            non_retryable=not retryable,
            next_retry_delay=_pause(error, usual_pause, tried_for),
            category=_category(error),
        )
    return ApplicationError(f"unexpected error {_place(error)}", type=type(error).__name__)


def _category(error: OvernightError) -> ApplicationErrorCategory:
    # That somebody else's server is down or slow is nothing that the SDK need log with a traceback.
    theirs = isinstance(error, WebhookNotTaken | NotReadyYet)
    return ApplicationErrorCategory.BENIGN if theirs else ApplicationErrorCategory.UNSPECIFIED


def _pause(error: OvernightError, usual: timedelta, tried_for: timedelta) -> timedelta | None:
    """Return when to try again if a provider has said so, but never sooner than is `usual`."""
    if isinstance(error, WebhookNotTaken):
        # Its attempts are counted where they are kept, and Temporal counts others as well.
        return error.retry_after
    if isinstance(error, NotReadyYet):
        # Nothing has failed, so what is usual after so many failures is no measure.
        usual = min(max(tried_for / LOOKS_GROW, SOONEST_LOOK), LATEST_LOOK)
        return max(usual, min(error.retry_after or usual, LONGEST_PAUSE))
    if isinstance(error, ProviderUnavailable) and error.retry_after is not None:
        return max(usual, min(error.retry_after, LONGEST_PAUSE))
    return None


def usual_pause(*, attempts: int | None = None) -> timedelta:
    """Return how long Temporal would wait by itself before it tries the running activity again.

    With `attempts`, how long it would after so many.
    """
    info = activity.info()
    policy = info.retry_policy
    if policy is None:
        return timedelta(0)
    longest = policy.maximum_interval or LONGEST_PAUSE
    pause = policy.initial_interval * policy.backoff_coefficient ** min((attempts or info.attempt) - 1, 32)
    return min(pause, longest)


def tried_for() -> timedelta:
    """Return how long ago the running activity was first to be tried."""
    return datetime.now(UTC) - activity.info().scheduled_time


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "with no traceback"
    return f"in {Path(frames[-1].filename).name}:{frames[-1].lineno}"
