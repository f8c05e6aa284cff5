"""Who is speaking: every log line of an activity names its batch."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class LogContext(Interceptor):
    """Binds the batch's id, the activity and its attempt to what an activity logs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - Temporal's name
        """Wrap the activity."""
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - Temporal's signature
        info = activity.info()
        # A shard's workflow is named "<batch id>/shard-0001", that of a delivery "<batch id>/wh_…".
        batch_id, _, part = (info.workflow_id or "").partition("/")
        with structlog.contextvars.bound_contextvars(
            batch_id=batch_id,
            activity=info.activity_type,
            attempt=info.attempt,
            **({"delivery" if part.startswith("wh_") else "shard": part} if part else {}),
        ):
            return await super().execute_activity(input)
