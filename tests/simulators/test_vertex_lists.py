"""Listing the simulated Vertex AI's jobs: pages, and the filters that its reference describes."""

import pytest

from tests.simulators.vertexing import JOBS, VertexRehearsal, asks, error_of


async def test_an_empty_list_says_nothing(vertex: VertexRehearsal) -> None:
    assert await vertex.said(await vertex.http.get(JOBS)) == {}


async def test_pages_are_newest_first_and_go_on_with_a_token(vertex: VertexRehearsal) -> None:
    for number in range(5):
        await vertex.create(asks(1), displayName=f"job-{number}")
    seen, token = [], None
    while token != "":
        page = await vertex.said(
            await vertex.http.get(JOBS, params={"pageSize": 2, **({"pageToken": token} if token else {})})
        )
        seen.append([job["displayName"] for job in page["batchPredictionJobs"]])
        token = page.get("nextPageToken", "")
    assert seen == [["job-4", "job-3"], ["job-2", "job-1"], ["job-0"]]


async def test_only_the_jobs_of_a_location_are_listed(vertex: VertexRehearsal) -> None:
    await vertex.create(asks(1))
    elsewhere = "/v1/projects/my-project/locations/europe-west4/batchPredictionJobs"
    assert (await vertex.http.get(elsewhere)).json() == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('display_name="shard-1"', ["shard-1"]),
        ('displayName = "shard-1"', ["shard-1"]),
        ("displayName=shard-1", ["shard-1"]),
        ('display_name!="shard-1"', ["other", "shard-2"]),
        ('displayName:"shard-*"', ["shard-1", "shard-2"]),
        ('displayName:"*-2"', ["shard-2"]),
        ('displayName:"shard"', []),
        ('NOT displayName="shard-1"', ["other", "shard-2"]),
        ('-displayName="shard-1"', ["other", "shard-2"]),
        ("labels.batch=one", ["shard-1"]),
        ('labels.batch="two"', ["shard-2"]),
        ("labels.batch:*", ["shard-1", "shard-2"]),
        ('state="JOB_STATE_SUCCEEDED"', ["shard-1"]),
        ('state!="JOB_STATE_SUCCEEDED"', ["other", "shard-2"]),
        ('labels.batch:* AND state="JOB_STATE_QUEUED"', ["shard-2"]),
        ('labels.batch:* state="JOB_STATE_QUEUED"', ["shard-2"]),
        ('state="JOB_STATE_FAILED" OR displayName="other"', ["other"]),
        ('labels.batch:* AND displayName="shard-1" OR displayName="other"', ["shard-1"]),
        ('(labels.batch:* AND displayName="shard-1") OR displayName="other"', ["other", "shard-1"]),
        ('create_time>"2021-05-18T00:00:00Z"', ["other", "shard-1", "shard-2"]),
        ('createTime<="2021-05-18T00:00:00.123456789Z"', []),
        ('createTime>="2021-05-18T00:00:00Z" AND labels.batch=one', ["shard-1"]),
        ("", ["other", "shard-1", "shard-2"]),
    ],
)
async def test_a_filter_finds(vertex: VertexRehearsal, text: str, found: list[str]) -> None:
    await vertex.finish(asks(1), displayName="shard-1", labels={"batch": "one"})
    await vertex.create(asks(1), displayName="shard-2", labels={"batch": "two"})
    await vertex.create(asks(1), displayName="other")
    assert sorted(job["displayName"] for job in await vertex.listed(filter=text)) == found


async def test_a_filter_compares_moments_to_the_nanosecond_it_was_told(vertex: VertexRehearsal) -> None:
    first = await vertex.create(asks(1), displayName="first")
    await vertex.wait(10)
    second = await vertex.create(asks(1), displayName="second")
    since = f'createTime>="{second["createTime"]}"'
    assert [job["displayName"] for job in await vertex.listed(filter=since)] == ["second"]
    until = f'createTime<="{first["createTime"]}"'
    assert [job["displayName"] for job in await vertex.listed(filter=until)] == ["first"]


@pytest.mark.parametrize(
    "text",
    [
        "owner=me",
        "state>JOB_STATE_RUNNING",
        "displayName=",
        'displayName="a" AND',
        '(displayName="a"',
        'displayName="a")',
        'createTime>"yesterday"',
        'createTime>"2021-05-18T00:00:00"',
        'displayName="a',
    ],
)
async def test_a_filter_that_is_not_understood_is_refused(vertex: VertexRehearsal, text: str) -> None:
    answer = await vertex.http.get(JOBS, params={"filter": text})
    assert error_of(answer)[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("query", [{"pageSize": "x"}, {"pageToken": "%"}])
async def test_a_page_that_is_not_understood_is_refused(
    vertex: VertexRehearsal, query: dict[str, str]
) -> None:
    assert error_of(await vertex.http.get(JOBS, params=query))[:2] == (400, "INVALID_ARGUMENT")
