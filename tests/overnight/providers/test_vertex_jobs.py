"""What Vertex AI says of a job, in OpenAI's words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.providers.vertex_jobs import read_vertex_job

NAME = "projects/123/locations/us-central1/batchPredictionJobs/456"


def job(**said: Any) -> Job:
    read = read_vertex_job({"name": NAME, "state": "JOB_STATE_RUNNING", **said})
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("QUEUED", BatchStatus.VALIDATING),
        ("PENDING", BatchStatus.VALIDATING),
        ("RUNNING", BatchStatus.IN_PROGRESS),
        ("UPDATING", BatchStatus.IN_PROGRESS),
        ("PAUSED", BatchStatus.IN_PROGRESS),
        ("SUCCEEDED", BatchStatus.COMPLETED),
        ("PARTIALLY_SUCCEEDED", BatchStatus.COMPLETED),
        ("FAILED", BatchStatus.FAILED),
        ("CANCELLING", BatchStatus.CANCELLING),
        ("CANCELLED", BatchStatus.CANCELLED),
        ("EXPIRED", BatchStatus.EXPIRED),
        ("DREAMING", BatchStatus.IN_PROGRESS),
        ("UNSPECIFIED", BatchStatus.IN_PROGRESS),
    ],
)
def test_every_state_is_a_status_and_an_unknown_one_is_never_the_end(state: str, status: BatchStatus) -> None:
    assert job(state=f"JOB_STATE_{state}").status is status


def test_a_job_is_read_with_all_that_is_needed_of_it() -> None:
    read = job(
        displayName="batch_1.12345678/shard-0000/job-1",
        labels={"overnight": "batch_1"},
        createTime="2026-11-26T13:00:00.123456789Z",
        completionStats={"successfulCount": "7", "failedCount": "2", "incompleteCount": "3"},
        inputConfig={"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/in.jsonl"]}},
        outputInfo={"gcsOutputDirectory": "gs://b/out/prediction-model-1"},
    )

    assert read == Job(
        id="456",
        status=BatchStatus.IN_PROGRESS,
        tag="batch_1.12345678/shard-0000/job-1",
        created_at=datetime(2026, 11, 26, 13, 0, 0, 123456, UTC),
        counts=Counts(12, 7, 2),
        input_file_id="gs://b/in.jsonl",
        output_file_id="gs://b/out/prediction-model-1/",
    )


def test_a_job_of_somebody_else_has_no_tag_whatever_it_is_called() -> None:
    assert job(displayName="batch_1.12345678/shard-0000/job-1").tag is None
    assert job(displayName="x", labels={"team": "overnight"}).tag is None


def test_a_job_that_fails_says_why() -> None:
    failed = job(state="JOB_STATE_FAILED", error={"code": 3, "message": "The input is no JSONL. " * 100})

    (error,) = failed.errors
    assert (failed.status, error.code) == (BatchStatus.FAILED, "provider_failed")
    assert error.message.startswith("The input is no JSONL.")
    assert len(error.message) == 300


def test_a_job_that_fails_on_its_way_keeps_what_it_has_finished() -> None:
    stats = {"successfulCount": "7", "incompleteCount": "3"}
    failed = job(state="JOB_STATE_FAILED", error={"code": 8, "message": "No room."}, completionStats=stats)

    assert (failed.status, failed.counts) == (BatchStatus.COMPLETED, Counts(10, 7, 0))
    assert failed.errors == (BatchError(code="provider_failed", message="No room."),)


@pytest.mark.parametrize(
    "stats",
    [
        {"successfulCount": "-1", "failedCount": "-1", "incompleteCount": "-1"},
        {"successfulCount": None},
        [],
        None,
        "many",
    ],
)
def test_counts_that_vertex_does_not_know_are_zeros(stats: object) -> None:
    assert job(completionStats=stats).counts == Counts()


@pytest.mark.parametrize("raw", [{}, {"name": None}, {"name": ""}, {"name": []}])
def test_without_a_name_it_is_no_job(raw: dict[str, object]) -> None:
    assert read_vertex_job(raw) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"labels": "overnight", "displayName": 5},
        {"inputConfig": {"gcsSource": {"uris": []}}},
        {"inputConfig": {"gcsSource": {"uris": "gs://b/in"}}},
        {"inputConfig": [], "outputInfo": None, "error": "no", "createTime": "yesterday"},
    ],
)
def test_what_can_t_be_read_of_a_job_is_not_there(odd: dict[str, object]) -> None:
    assert job(**odd) == Job(id="456", status=BatchStatus.IN_PROGRESS)
