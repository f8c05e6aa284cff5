"""What is Vertex AI's own: how a job is ordered, whom it is asked as, where its rows come from and go to."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import NoPlace, ProviderRefused, ProviderUnavailable, Untranslatable
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.jsonl import Request
from overnight.providers import endpoints_of
from overnight.providers.vertex import VertexProvider
from tests.emulators.google_accounts import account
from tests.overnight.providers.desks import GOOGLE, VERTEX, Desk, deployment_of, lines, opened, tag
from tests.overnight.providers.scripted import Scripted, scripted

CHAT = Endpoint.CHAT_COMPLETIONS
JOBS = "/v1/projects/my-project/locations/us-central1/batchPredictionJobs"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(VERTEX) as desk:
        yield desk


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


def asked_of(script: Scripted, **changed: Any) -> VertexProvider:
    return VertexProvider(replace(deployment_of(VERTEX, script.url), **changed))


def request(**body: Any) -> Request:
    given = {"model": "gpt", "messages": [{"role": "user", "content": "hello"}], **body}
    return Request(0, "Ärger 1", json.dumps(given).encode())


# --- ordering ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "resource"),
    [
        ("gemini-2.5-flash", "publishers/google/models/gemini-2.5-flash"),
        ("claude-sonnet-4-5@20250929", "publishers/anthropic/models/claude-sonnet-4-5@20250929"),
        ("text-embedding-005", "publishers/google/models/text-embedding-005"),
        ("projects/1/locations/l/models/tuned", "projects/1/locations/l/models/tuned"),
    ],
)
async def test_a_job_is_ordered_under_our_tag_for_the_model_s_publisher(
    script: Scripted, model: str, resource: str
) -> None:
    orders: list[Any] = []

    async def create(asked: Any) -> Any:
        orders.append(await asked.json())
        raise ConnectionError

    script.answers(f"POST {JOBS}", create)
    provider = asked_of(script, model=model)
    with pytest.raises(ProviderUnavailable):
        await provider.submit(tag=tag(), file_id="gs://rows/in.jsonl", endpoint=CHAT)
    await provider.close()
    assert orders == [
        {
            "displayName": str(tag()),
            "model": resource,
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://rows/in.jsonl"]}},
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {
                    "outputUriPrefix": "gs://rows/some/path/batch_one.89abcdef.shard-0000.job-1.results/"
                },
            },
            "labels": {"overnight": "batch_one"},
        }
    ]


async def test_only_our_jobs_are_listed_and_only_since_then(script: Scripted) -> None:
    script.says(
        f"GET {JOBS}",
        {"batchPredictionJobs": [{"name": "a/1", "labels": {"overnight": "b"}}], "nextPageToken": "two"},
        {"batchPredictionJobs": [{"name": "a/2", "labels": {}}, "odd"], "nextPageToken": ""},
    )
    provider = asked_of(script)
    await provider.find("x", since=datetime(2026, 11, 26, 13, tzinfo=UTC))
    await provider.close()
    first, second = script.queries
    assert first["filter"] == 'labels.overnight:* AND createTime>"2026-11-26T12:50:00Z"'
    assert (first.get("pageToken"), second["pageToken"]) == (None, "two")


async def test_a_quota_of_jobs_is_waited_for(desk: Desk) -> None:
    desk.rule(max_jobs=1)
    await desk.submit(tag=tag(1))
    with pytest.raises(NoPlace, match="quotas are exceeded"):
        await desk.submit(tag=tag(2))


async def test_a_model_is_for_one_endpoint_and_others_are_refused(script: Scripted) -> None:
    provider = asked_of(script)
    with pytest.raises(ProviderRefused, match="/v1/embeddings"):
        provider.shape(Endpoint.EMBEDDINGS, model=None)
    with pytest.raises(ProviderRefused, match="/v1/responses"):
        provider.shape(Endpoint.RESPONSES, model=None)
    await provider.close()
    deployment = replace(deployment_of(VERTEX, script.url), lane=BatchLane.NATIVE)
    assert endpoints_of(deployment) == {CHAT}
    assert endpoints_of(replace(deployment, model="gemini-embedding-001")) == {Endpoint.EMBEDDINGS}
    assert endpoints_of(replace(deployment, model="*")) == {CHAT, Endpoint.EMBEDDINGS}


async def test_what_vertex_can_t_be_told_is_refused_by_its_name(script: Scripted) -> None:
    provider = asked_of(script)
    shape = provider.shape(CHAT, model=None)
    assert shape.fault(request()) is None
    fault = shape.fault(request(logit_bias={"50256": -100}))
    assert isinstance(fault, Untranslatable)
    assert fault.param == "logit_bias"
    await provider.close()


async def test_a_client_that_may_name_any_model_may_not_name_another_project_s(script: Scripted) -> None:
    tuned = "projects/1/locations/l/models/tuned"
    own, anybody_s = asked_of(script, model=tuned), asked_of(script, model=tuned, model_name="*")
    assert own.shape(CHAT, model=None)
    with pytest.raises(ProviderRefused):
        anybody_s.shape(CHAT, model=None)
    await own.close()
    await anybody_s.close()


# --- being cancelled ---------------------------------------------------------------------------


async def test_a_job_that_runs_on_after_its_cancel_is_shown_as_it_is(script: Scripted) -> None:
    """Were it called cancelling, whoever waits for another status would ask again at once, without end."""
    script.says(f"POST {JOBS}/7:cancel", {})
    script.says(f"GET {JOBS}/7", {"name": "a/7", "state": "JOB_STATE_RUNNING"})
    provider = asked_of(script)
    assert (await provider.cancel("7")).status is BatchStatus.IN_PROGRESS
    await provider.close()


@pytest.mark.parametrize("status", [400, 409])
async def test_a_cancel_that_is_refused_while_the_job_runs_is_to_be_repeated(
    script: Scripted, status: int
) -> None:
    error = {"error": {"code": status, "message": "Aborted.", "status": "ABORTED"}}
    script.says(f"POST {JOBS}/7:cancel", error, status=status)
    script.says(f"GET {JOBS}/7", {"name": "a/7", "state": "JOB_STATE_RUNNING"})
    provider = asked_of(script)
    with pytest.raises(ProviderUnavailable):
        await provider.cancel("7")
    script.says(f"GET {JOBS}/7", {"name": "a/7", "state": "JOB_STATE_SUCCEEDED"})
    assert (await provider.cancel("7")).status is BatchStatus.COMPLETED
    await provider.close()


# --- rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fate",
    [
        {"output_files": 4, "shuffle": True},
        {"errors_file": True, "fail_every": 3, "fail_status": 400},
        {"incremental": True},
    ],
    ids=["several files", "a file of errors", "what was exported on the way"],
)
async def test_every_row_is_found_once_in_whatever_files_it_lies(desk: Desk, fate: dict[str, Any]) -> None:
    desk.fate(**fate)
    results = await desk.results(await desk.ended(9, tag=tag()))
    assert sorted(result.key for result in results) == [f"line-{number}" for number in range(9)]


async def test_a_job_that_succeeds_in_part_keeps_that_part(desk: Desk) -> None:
    desk.fate(partial=True, fail_every=2, fail_status=503)
    job = await desk.ended(4, tag=tag())
    assert (job.status, job.counts) == (BatchStatus.COMPLETED, Counts(4, 2, 2))
    results = await desk.results(job)
    assert sorted(result.status for result in results) == [200, 200, 503, 503]


@pytest.mark.parametrize(
    "fate",
    [{"error": {"code": 9, "message": "No such bucket."}}, {"problem": "no_permission"}],
    ids=["an error of one's own", "a permission that is missing"],
)
async def test_a_job_that_fails_before_it_runs_says_why(desk: Desk, fate: dict[str, Any]) -> None:
    desk.fate(**fate)
    failed = await desk.ended(tag=tag())
    assert failed.status is BatchStatus.FAILED
    assert failed.errors[0].message
    assert await desk.results(failed) == []


async def test_nothing_is_left_of_a_job_once_its_files_are_deleted(desk: Desk) -> None:
    job = await desk.ended(tag=tag())
    for left in await desk.provider.find_remains(tag(), since=desk.since):
        await desk.provider.delete_file(left)
    assert await desk.provider.find_remains(tag(), since=desk.since) == []
    with pytest.raises(ProviderRefused):
        await desk.results(job)


async def test_a_model_may_be_for_embeddings(desk: Desk) -> None:
    provider = VertexProvider(replace(desk.deployment, model="gemini-embedding-001"))
    shape = provider.shape(Endpoint.EMBEDDINGS, model=None)
    asked = [Request(n, f"e-{n}", json.dumps({"input": f"text {n % 2}"}).encode()) for n in range(4)]

    async def rows() -> AsyncIterator[bytes]:
        yield b"".join(map(shape.row, asked))

    file_id = await provider.upload(rows, size=0, tag=tag())
    job = await provider.submit(tag=tag(), file_id=file_id, endpoint=Endpoint.EMBEDDINGS)
    desk.pass_time(3_600)
    results = [result async for result in provider.results(await provider.poll(job.id))]
    await provider.close()
    assert sorted(result.key for result in results) == sorted(map(shape.key, asked))
    assert all(json.loads(result.body)["object"] == "list" for result in results)


# --- as whom -----------------------------------------------------------------------------------


async def test_a_token_that_ends_while_a_job_runs_is_replaced(desk: Desk) -> None:
    uploaded = await desk.upload(lines(2), tag=tag())
    robot = account(token_uri=desk.simulator.origin + "/token")
    place = replace(GOOGLE, credentials=robot)
    provider = VertexProvider(replace(desk.deployment, google=place))
    desk.rule(key="only-tokens")
    job: Job = await provider.submit(tag=tag(), file_id=uploaded, endpoint=CHAT)
    issued = desk.simulator.desk.tokens.parts()["issued"]
    for token in list(desk.simulator.desk.tokens._issued):
        desk.simulator.desk.tokens._issued[token] -= timedelta(hours=2).total_seconds()
    assert (await provider.poll(job.id)).id == job.id
    assert desk.simulator.desk.tokens.parts()["issued"] > issued
    desk.rule(token_seconds=0)
    with pytest.raises(ProviderUnavailable):
        await provider.poll(job.id)
    await provider.close()


async def test_without_a_project_there_is_nobody_to_ask() -> None:
    deployment = Deployment(id="d", model_name="m", provider="vertex_ai", model="gemini", api_base="http://h")
    with pytest.raises(ProviderRefused):
        VertexProvider(deployment)
