"""The simulated Vertex AI's jobs, over plain HTTP, beside a real emulator of Cloud Storage."""

import re
from typing import Any

import httpx2
import pytest

from simulators.vertex.server import VertexSimulator
from tests.simulators.rehearsing import until
from tests.simulators.vertexing import (
    BUCKET,
    CLAUDE,
    GEMINI,
    HOUR,
    JOBS,
    PARENT,
    VertexRehearsal,
    ask,
    asks,
    error_of,
    jsonl,
    label,
    order,
)


async def test_a_job_goes_through_its_states_in_the_providers_time(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(10))
    seen = [(created["state"], created.get("completionStats"))]
    for seconds in (0.6, 0.4, 5, 5.5, 1):
        await vertex.wait(seconds)
        job = await vertex.get(created)
        seen.append((job["state"], job.get("completionStats")))
    assert seen == [
        ("JOB_STATE_QUEUED", None),
        ("JOB_STATE_PENDING", None),
        ("JOB_STATE_RUNNING", {"incompleteCount": "10"}),
        ("JOB_STATE_RUNNING", {"successfulCount": "5", "incompleteCount": "5"}),
        ("JOB_STATE_RUNNING", {"successfulCount": "10"}),
        ("JOB_STATE_SUCCEEDED", {"successfulCount": "10"}),
    ]


async def test_whoever_sees_that_a_job_has_succeeded_finds_its_results_however_fast_time_passes(
    gcs: str,
) -> None:
    async with (
        VertexSimulator(gcs=gcs, speed=500) as simulator,
        httpx2.AsyncClient(base_url=simulator.api_base, timeout=60) as client,
    ):
        vertex = VertexRehearsal(simulator, client, gcs)
        created = [await vertex.create(asks(300)) for _ in range(5)]
        for each in created:

            async def has_succeeded(name: Any = each) -> bool:
                return bool((await vertex.get(name))["state"] == "JOB_STATE_SUCCEEDED")

            await until(has_succeeded)
            assert len(await vertex.rows(await vertex.get(each))) == 300


async def test_every_row_gets_its_own_answer_and_comes_back_as_it_was(vertex: VertexRehearsal) -> None:
    job = await vertex.finish(asks(3))
    assert await vertex.names(job) == ["predictions.jsonl"]
    rows = await vertex.rows(job)
    assert [row["request"] for row in rows] == [row["request"] for row in asks(3)]
    assert [row["status"] for row in rows] == ["", "", ""]
    texts = [row["response"]["candidates"][0]["content"]["parts"][0]["text"] for row in rows]
    assert [text.split(": ")[1] for text in texts] == ["hello 0", "hello 1", "hello 2"]
    assert len({text.split(": ")[0] for text in texts}) == 3


async def test_a_job_is_shown_as_v1_shows_it(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(1), labels={"tag": "shard-1"})
    number = re.fullmatch(
        r"projects/(\d+)/locations/us-central1/batchPredictionJobs/(\d{19})", created["name"]
    )
    assert number
    assert {name: created[name] for name in created if name not in {"name", "createTime", "updateTime"}} == {
        "displayName": "shard-1",
        "model": GEMINI,
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [f"gs://{BUCKET}/in/rows.jsonl"]}},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/out"},
        },
        "labels": {"tag": "shard-1"},
        "state": "JOB_STATE_QUEUED",
        "modelVersionId": "1",
    }
    await vertex.wait(100)
    ended = await vertex.get(created)
    moments = [ended[name] for name in ("createTime", "startTime", "endTime")]
    assert moments == sorted(moments)
    assert ended["updateTime"] == ended["endTime"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}){1,3})?Z", each) for each in moments)
    folder = ended["outputInfo"]["gcsOutputDirectory"]
    assert re.fullmatch(rf"gs://{BUCKET}/out/prediction-model-[\d-]+T[\d:]+\.\d{{6}}Z", folder)


async def test_a_job_is_found_under_its_projects_name_and_number_and_in_its_location_only(
    vertex: VertexRehearsal,
) -> None:
    created = await vertex.create(asks(1))
    job_id = created["name"].rsplit("/", 1)[1]
    for path in (f"/v1/{created['name']}", f"{JOBS}/{job_id}", f"/v1beta1/{created['name']}"):
        assert (await vertex.http.get(path)).json()["name"] == created["name"]
    for path in (
        f"{JOBS}/1",
        f"/v1/projects/my-project/locations/europe-west4/batchPredictionJobs/{job_id}",
        f"/v1/projects/other/locations/us-central1/batchPredictionJobs/{job_id}",
    ):
        answer = await vertex.http.get(path)
        assert error_of(answer) == (404, "NOT_FOUND", "The BatchPredictionJob does not exist.")


async def test_a_cancelled_job_takes_its_time_and_keeps_finished_rows(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(10))
    await vertex.wait(1 + 4)
    path = f"/v1/{created['name']}:cancel"
    assert await vertex.said(await vertex.http.post(path)) == {}
    assert (await vertex.get(created))["state"] == "JOB_STATE_CANCELLING"
    assert await vertex.said(await vertex.http.post(path, json={})) == {}
    await vertex.wait(2)
    job = await vertex.get(created)
    assert (job["state"], job["error"]) == ("JOB_STATE_CANCELLED", {"code": 1, "message": "CANCELED"})
    assert job["completionStats"] == {"successfulCount": "4", "incompleteCount": "6"}
    assert [label(row) for row in await vertex.rows(job)] == ["r-0", "r-1", "r-2", "r-3"]


async def test_a_job_cancelled_before_it_ran_has_no_results(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(1))
    await vertex.http.post(f"/v1/{created['name']}:cancel")
    await vertex.wait(2)
    job = await vertex.get(created)
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert "outputInfo" not in job
    assert "completionStats" not in job


async def test_a_job_that_has_ended_cannot_be_cancelled(vertex: VertexRehearsal) -> None:
    job = await vertex.finish(asks(1))
    answer = await vertex.http.post(f"/v1/{job['name']}:cancel")
    assert error_of(answer)[:2] == (400, "FAILED_PRECONDITION")


async def test_only_a_job_that_has_ended_is_deleted_by_an_operation_that_is_done(
    vertex: VertexRehearsal,
) -> None:
    created = await vertex.create(asks(1))
    refused = await vertex.http.delete(f"/v1/{created['name']}")
    assert error_of(refused)[:2] == (400, "FAILED_PRECONDITION")
    await vertex.wait(100)
    job = await vertex.get(created)
    operation = await vertex.said(await vertex.http.delete(f"/v1/{created['name']}"))
    assert operation["done"] is True
    assert operation["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert await vertex.said(await vertex.http.get(f"/v1/{operation['name']}")) == operation
    assert (await vertex.http.get(f"/v1/{created['name']}")).status_code == 404
    # What it wrote is not its own.
    assert await vertex.names(job) == ["predictions.jsonl"]


async def test_a_job_that_is_not_begun_in_72_hours_expires_without_results(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"validating_seconds": 100 * HOUR})
    created = await vertex.create(asks(1))
    await vertex.wait(72 * HOUR - 1)
    assert (await vertex.get(created))["state"] == "JOB_STATE_PENDING"
    await vertex.wait(3)
    job = await vertex.get(created)
    assert job["state"] == "JOB_STATE_EXPIRED"
    assert "outputInfo" not in job


async def test_a_job_that_runs_for_24_hours_expires_with_what_it_has(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"seconds": 48 * HOUR})
    job = await vertex.finish(asks(10), after=24 * HOUR + 3)
    assert job["state"] == "JOB_STATE_EXPIRED"
    assert job["completionStats"] == {"successfulCount": "5", "incompleteCount": "5"}
    assert len(await vertex.rows(job)) == 5


async def test_the_input_is_read_when_the_job_begins(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(2))
    await vertex.wait(1)
    assert (await vertex.get(created))["state"] == "JOB_STATE_RUNNING"
    await vertex.remove(f"gs://{BUCKET}/in/rows.jsonl")
    await vertex.wait(100)
    assert len(await vertex.rows(await vertex.get(created))) == 2


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"uri": f"gs://{BUCKET}/in/nothing.jsonl"}, 5, "Not found"),
        ({"uri": "gs://no-such-bucket/in.jsonl"}, 9, "bucket location for no-such-bucket"),
        ({"output": "gs://no-such-bucket/out"}, 9, "bucket location for no-such-bucket"),
        ({"content": b"{not json\n"}, 3, "Failed to import data"),
        ({"content": b'"no object"\n'}, 3, "Failed to import data"),
        ({"content": b"\n\n"}, 3, "Failed to import data"),
    ],
)
async def test_an_input_that_cannot_be_read_fails_the_job_once_it_begins(
    vertex: VertexRehearsal, changed: dict[str, Any], code: int, words: str
) -> None:
    uri = await vertex.put("in/rows.jsonl", changed.get("content", jsonl(asks(1))))
    said = order(changed.get("uri", uri))
    said["outputConfig"]["gcsDestination"]["outputUriPrefix"] = changed.get("output", f"gs://{BUCKET}/out")
    created = await vertex.said(await vertex.http.post(JOBS, json=said))
    assert created["state"] == "JOB_STATE_QUEUED"
    await vertex.wait(1)
    job = await vertex.get(created)
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["error"]["code"] == code
    assert words in job["error"]["message"]
    assert job["completionStats"] == {"incompleteCount": "-1"}
    assert "outputInfo" not in job


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ask("a", tools=[{"googleSearch": {}}])], "struct 'request.tools.googleSearch' with no fields"),
        ([ask("a", generationConfig={"responseSchema": {"$defs": {"x": 1}}})], 'Invalid field name "$defs"'),
        (
            [
                ask("a", generationConfig={"responseSchema": {"type": "STRING"}}),
                ask("b", generationConfig={"responseSchema": {"type": ["STRING", "NULL"]}}),
            ],
            "must be imported as a JSON array. Field: request.generationConfig.responseSchema.type",
        ),
        (
            [ask("a", tools=None), ask("b", tools=[{"functionDeclarations": [{"name": "f"}]}])],
            "Only optional fields can be set to NULL. Field: request.tools",
        ),
        (
            [ask("a", generationConfig={"stopSequences": [["a"]]})],
            "Field: request.generationConfig.stopSequences",
        ),
        ([ask("a"), {"request": "say a"}], "Field request is a record in one row and none in another."),
    ],
)
async def test_rows_that_do_not_fit_into_one_table_fail_the_job_unless_it_is_lenient(
    vertex: VertexRehearsal, rows: list[Any], words: str
) -> None:
    failed = await vertex.finish(rows)
    assert failed["state"] == "JOB_STATE_FAILED"
    assert words in failed["error"]["message"]
    await vertex.order("/rules", {"imports_strictly": False})
    assert (await vertex.finish(rows))["state"] == "JOB_STATE_SUCCEEDED"


async def test_rows_nest_15_deep_and_no_deeper(vertex: VertexRehearsal) -> None:
    schema: dict[str, Any] = {"type": "STRING"}
    for _ in range(15):
        schema = {"items": schema}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    job = await vertex.finish([ask("a", generationConfig=config)])
    assert "Schema nested too deeply" in job["error"]["message"]


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        (
            {"displayName": None},
            400,
            "batch_prediction_job.display_name; Message: Required field is not set.",
        ),
        ({"displayName": "x" * 129}, 400, "at most 128 characters"),
        ({"model": None}, 400, "batch_prediction_job.model; Message: Required field is not set."),
        ({"model": "gemini-2.5-flash"}, 400, "is not a valid resource name"),
        ({"model": "publishers/google/models/gpt-4"}, 404, "The PublisherModel gpt-4 does not exist."),
        ({"model": "publishers/anthropic/models/gemini-2.5-pro"}, 404, "does not exist"),
        ({"inputConfig": None}, 400, "input_config.instances_format"),
        ({"inputConfig": {"instancesFormat": "jsonl"}}, 400, "input_config.gcs_source"),
        ({"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": []}}}, 400, "gcs_source.uris"),
        (
            {"inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["/in"]}}},
            400,
            "Cloud Storage",
        ),
        ({"inputConfig": {"instancesFormat": "bigquery"}}, 400, "is not simulated"),
        ({"outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {}}}, 400, "output_uri_prefix"),
        ({"labels": {"Tag": "x"}}, 400, "batch_prediction_job.labels"),
        ({"labels": {"tag": "a.b"}}, 400, "batch_prediction_job.labels"),
        ({"labels": {"tag": "x" * 64}}, 400, "batch_prediction_job.labels"),
        ({"labels": {f"tag-{number}": "x" for number in range(65)}}, 400, "batch_prediction_job.labels"),
        ({"metadata": {"tag": "x"}}, 400, 'Unknown name "metadata"'),
    ],
)
async def test_what_a_job_must_not_be_is_refused(
    vertex: VertexRehearsal, changed: dict[str, Any], status: int, words: str
) -> None:
    answer = await vertex.http.post(JOBS, json=order(f"gs://{BUCKET}/in/rows.jsonl", **changed))
    assert error_of(answer)[0] == status
    assert error_of(answer)[1] == ("NOT_FOUND" if status == 404 else "INVALID_ARGUMENT")
    assert words in error_of(answer)[2]
    assert await vertex.look("/jobs") == []


async def test_a_body_that_is_no_json_is_refused(vertex: VertexRehearsal) -> None:
    answer = await vertex.http.post(JOBS, content=b"{")
    assert error_of(answer)[:2] == (400, "INVALID_ARGUMENT")


async def test_an_order_may_be_written_in_the_other_way_and_with_a_single_uri(
    vertex: VertexRehearsal,
) -> None:
    uri = await vertex.put("in/rows.jsonl", jsonl(asks(1)))
    said = {
        "display_name": "shard-1",
        "model": f"projects/my-project/locations/us-central1/{GEMINI}",
        "input_config": {"instances_format": "jsonl", "gcs_source": {"uris": uri}},
        "output_config": {
            "predictions_format": "jsonl",
            "gcs_destination": {"output_uri_prefix": f"gs://{BUCKET}/out/"},
        },
    }
    created = await vertex.said(await vertex.http.post(JOBS, json=said))
    assert created["inputConfig"]["gcsSource"]["uris"] == [uri]
    await vertex.wait(100)
    assert len(await vertex.rows(await vertex.get(created))) == 1


async def test_several_inputs_are_read_one_after_the_other(vertex: VertexRehearsal) -> None:
    first = await vertex.put("in/first.jsonl", jsonl([ask("one")]).rstrip())
    second = await vertex.put("in/second.jsonl", jsonl([ask("two")]))
    said = order(first)
    said["inputConfig"]["gcsSource"]["uris"] = [first, second]
    created = await vertex.said(await vertex.http.post(JOBS, json=said))
    await vertex.wait(100)
    rows = await vertex.rows(await vertex.get(created))
    assert [row["request"] for row in rows] == [ask("one")["request"], ask("two")["request"]]


async def test_models_can_be_named_that_are_all_there_are(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"models": ["gemini-2.5-pro"]})
    answer = await vertex.http.post(JOBS, json=order(f"gs://{BUCKET}/in/rows.jsonl"))
    assert error_of(answer)[0] == 404


async def test_four_jobs_of_claude_may_run_at_once_in_a_location(vertex: VertexRehearsal) -> None:
    said = order(await vertex.put("in/rows.jsonl", jsonl(asks(1))), model=CLAUDE)
    for _ in range(4):
        await vertex.said(await vertex.http.post(JOBS, json=said))
    answer = await vertex.http.post(JOBS, json=said)
    assert error_of(answer)[:2] == (429, "RESOURCE_EXHAUSTED")
    assert "quotas are exceeded" in error_of(answer)[2]
    elsewhere = "/v1/projects/my-project/locations/us-east5/batchPredictionJobs"
    await vertex.said(await vertex.http.post(elsewhere, json=said))
    await vertex.create(asks(1))
    await vertex.wait(100)
    await vertex.said(await vertex.http.post(JOBS, json=said))


async def test_there_can_be_a_quota_for_gemini_too(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"max_jobs": 1})
    await vertex.create(asks(1))
    answer = await vertex.http.post(JOBS, json=order(f"gs://{BUCKET}/in/rows.jsonl"))
    assert error_of(answer)[:2] == (429, "RESOURCE_EXHAUSTED")


async def test_creating_too_many_jobs_in_a_minute_is_refused_with_when_to_come_back(
    vertex: VertexRehearsal,
) -> None:
    await vertex.order("/rules", {"creates_a_minute": 1})
    await vertex.create(asks(1))
    answer = await vertex.http.post(JOBS, json=order(f"gs://{BUCKET}/in/rows.jsonl"))
    assert (error_of(answer)[:2], answer.headers["Retry-After"]) == ((429, "RESOURCE_EXHAUSTED"), "60")


async def test_a_job_has_a_limit_of_rows(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"max_lines": 2})
    job = await vertex.finish(asks(3))
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", 3)


async def test_an_unknown_path_is_refused_in_googles_envelope(vertex: VertexRehearsal) -> None:
    assert error_of(await vertex.http.get(f"{PARENT}/customJobs"))[:2] == (404, "NOT_FOUND")
