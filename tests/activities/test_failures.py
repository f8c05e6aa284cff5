"""Failures: ours say what is wrong and whether to try again; of all others the history learns nothing."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Worker

from activities.failures import (
    LONGEST_PAUSE,
    OBJECT_MISSED,
    FailureTranslation,
    as_failure,
    handed_back,
    is_worker_stopping,
)
from activities.metering import outcome_of
from overnight.domain.errors import (
    BucketMissing,
    CatalogUnavailable,
    InvalidRequest,
    NotReadyYet,
    ObjectNotFound,
    OvernightError,
    ProviderUnavailable,
    StorageFull,
    StorageRefused,
    StorageUnavailable,
    TemporalUnavailable,
    UnknownBatch,
    UnknownDeployment,
    UnknownFile,
    UnknownModel,
)
from overnight.outcomes import UnansweredLines
from tests.activities.tales import SECRET, Careless, careless, quote

FOR_GOOD = [
    InvalidRequest("no"),
    UnknownModel("m"),
    UnknownBatch("batch_1"),
    UnknownFile("file-1"),
    UnansweredLines(missing=2, first_index=0),
]
FOR_NOW = [
    CatalogUnavailable(),
    TemporalUnavailable(),
    StorageUnavailable("down", key="k"),
    StorageFull("full", key="k"),
    # Our own store has no other to go to, and somebody is to set it right.
    StorageRefused("denied", key="k"),
    BucketMissing("no bucket", key="k"),
    ObjectNotFound("k"),
    UnknownDeployment("dep_1"),
]


def name(error: object) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", FOR_GOOD, ids=name)
def test_what_would_end_the_same_way_again_is_not_tried_again(error: OvernightError) -> None:
    failure = as_failure(error)
    assert (failure.type, failure.non_retryable) == (name(error), True)
    assert failure.message == error.message


@pytest.mark.parametrize("error", FOR_NOW, ids=name)
def test_what_may_pass_is_tried_again(error: OvernightError) -> None:
    failure = as_failure(error)
    assert (failure.type, failure.non_retryable) == (name(error), False)
    assert failure.message == error.message


@pytest.mark.parametrize("error", FOR_NOW, ids=name)
def test_bytes_that_are_gone_for_a_day_are_gone_and_nothing_else_is_given_up(error: OvernightError) -> None:
    failure = as_failure(error, tried_for=OBJECT_MISSED)
    assert failure.non_retryable is isinstance(error, ObjectNotFound)


@pytest.mark.parametrize(("since", "for_good"), [(timedelta(hours=23), False), (timedelta(hours=25), True)])
async def test_how_long_bytes_are_gone_is_counted_from_a_steps_first_try(
    since: timedelta, *, for_good: bool
) -> None:
    class Finds(ActivityInboundInterceptor):
        def __init__(self) -> None: ...

        async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's signature
            raise ObjectNotFound("k")

    tried = FailureTranslation().intercept_activity(Finds())
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, scheduled_time=datetime.now(UTC) - since, attempt=40)
    order = ExecuteActivityInput(fn=is_worker_stopping, args=(), executor=None, headers={})
    with pytest.raises(ApplicationError) as failure:
        await environment.run(tried.execute_activity, order)
    assert failure.value.non_retryable is for_good


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        (timedelta(seconds=17), timedelta(seconds=17)),
        (timedelta(milliseconds=20), timedelta(seconds=4)),
        (timedelta(days=400), LONGEST_PAUSE),
        (None, None),
    ],
)
def test_a_provider_is_asked_again_when_it_says_so_and_never_sooner_than_is_usual(
    retry_after: timedelta | None, pause: timedelta | None
) -> None:
    failure = as_failure(ProviderUnavailable(retry_after=retry_after), usual_pause=timedelta(seconds=4))
    assert failure.next_retry_delay == pause


@pytest.mark.parametrize(
    ("tried_for", "retry_after", "pause"),
    [
        (timedelta(0), None, timedelta(seconds=2)),
        (timedelta(seconds=30), None, timedelta(seconds=5)),
        (timedelta(hours=3), None, timedelta(seconds=10)),
        (timedelta(hours=3), timedelta(seconds=40), timedelta(seconds=40)),
        (timedelta(hours=3), timedelta(seconds=1), timedelta(seconds=10)),
    ],
)
def test_what_is_not_ready_yet_is_looked_at_every_few_seconds_and_has_not_failed(
    tried_for: timedelta, retry_after: timedelta | None, pause: timedelta
) -> None:
    error = NotReadyYet("pending", retry_after=retry_after)
    failure = as_failure(error, usual_pause=timedelta(minutes=1), tried_for=tried_for)
    assert (failure.next_retry_delay, failure.non_retryable) == (pause, False)
    assert outcome_of(failure) == "not_yet"


def test_a_foreign_error_is_tried_again_and_only_its_type_and_place_are_told() -> None:
    try:
        quote()
    except ValueError as error:
        failure = as_failure(error)
    assert (failure.type, failure.non_retryable) == ("ValueError", False)
    assert SECRET not in failure.message
    assert "tales.py" in failure.message


def test_a_foreign_error_that_was_never_raised_has_no_place() -> None:
    assert as_failure(KeyError(SECRET)).message == "unexpected error with no traceback"


async def test_nothing_of_a_foreign_errors_message_gets_into_a_history(temporal: WorkflowEnvironment) -> None:
    queue = secrets.token_hex(8)
    worker = Worker(temporal.client, task_queue=queue, workflows=[Careless], activities=[careless])
    async with worker:
        handle = await temporal.client.start_workflow(
            Careless.run, id=queue, task_queue=queue, execution_timeout=timedelta(minutes=1)
        )
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    history = (await handle.fetch_history()).to_json()
    assert "ValueError" in history
    assert SECRET not in history


async def test_a_step_whose_worker_stops_is_handed_back_at_once_and_has_not_failed() -> None:
    environment = ActivityEnvironment()
    assert not await environment.run(_says_whether_its_worker_stops)
    environment.worker_shutdown()
    assert await environment.run(_says_whether_its_worker_stops)
    failure = handed_back()
    assert (failure.type, failure.non_retryable) == ("HandedBack", False)
    assert failure.next_retry_delay is not None
    assert timedelta(0) < failure.next_retry_delay < timedelta(seconds=1)
    assert outcome_of(failure) == "handed_back"


async def _says_whether_its_worker_stops() -> bool:
    return is_worker_stopping()
