"""What becomes of an activity is counted: how long a try took and waited, and how it ended."""

import asyncio
import time
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities import failures
from overnight.telemetry import metrics

_POLL = ".poll"


class ActivityMeter(Interceptor):
    """Counts every try. It has to be outside of what translates errors."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Wrap the activity."""
        return _Metered(next)


class _Metered(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - Temporal's signature
        info = activity.info()
        name = info.activity_type
        waited = info.started_time - info.current_attempt_scheduled_time
        metrics.ACTIVITY_WAIT.labels(name).observe(max(waited.total_seconds(), 0))
        if info.attempt > 1 and not name.endswith(_POLL):
            metrics.ACTIVITY_RETRIES.labels(name).inc()
        began, outcome = time.perf_counter(), "completed"
        try:
            return await super().execute_activity(input)
        except BaseException as error:
            outcome = outcome_of(error)
            raise
        finally:
            metrics.ACTIVITY_SECONDS.labels(name, outcome).observe(time.perf_counter() - began)


def outcome_of(error: BaseException) -> str:
    """Return how a try that raised has ended."""
    match error:
        case ApplicationError(type=failures.HANDED_BACK):
            return "handed_back"
        case ApplicationError(category=ApplicationErrorCategory.BENIGN):
            return "not_yet"
        case ApplicationError(non_retryable=True):
            return "failed"
        case asyncio.CancelledError():
            return "cancelled"
        case _:
            return "retried"
