"""Small workflows that end as a test wants them to. They are loaded in Temporal's sandbox."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

SECRET = "sk-live: tell me a story about my divorce"


@activity.defn
async def careless() -> None:
    """Quote in an error what nobody should read."""
    quote()


def quote() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        raise ValueError(f"cannot send {SECRET}") from error


@workflow.defn
class Careless:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            careless,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


@workflow.defn
class Ends:
    """Ends well or badly."""

    @workflow.run
    async def run(self, how: str) -> None:
        if how == "badly":
            raise ApplicationError("that was that", non_retryable=True)
