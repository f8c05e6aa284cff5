"""Each way in which the simulated Vertex AI can go wrong, over plain HTTP."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from tests.simulators.rehearsing import until
from tests.simulators.vertexing import (
    BUCKET,
    HOUR,
    JOBS,
    VertexRehearsal,
    asks,
    error_of,
    jsonl,
    label,
    order,
)

ORDER = order(f"gs://{BUCKET}/in/rows.jsonl")

# --- jobs --------------------------------------------------------------------------------------


async def test_rows_can_come_shuffled_lost_and_twice(vertex: VertexRehearsal) -> None:
    await vertex.doom(shuffle=True, lose_every=10, duplicate_every=7)
    job = await vertex.finish(asks(30))
    labels = [label(row) for row in await vertex.rows(job)]
    assert labels != sorted(labels, key=lambda each: int(each.removeprefix("r-")))
    kept = [number for number in range(30) if (number + 1) % 10]
    twice = [number for number in range(30) if (number + 1) % 7 == 0]
    assert sorted(labels) == sorted(f"r-{number}" for number in kept + twice)


@pytest.mark.parametrize(
    ("status", "prefix", "code"),
    [
        (400, "Bad Request", "INVALID_ARGUMENT"),
        (429, "Too Many Requests", "RESOURCE_EXHAUSTED"),
        (500, "Internal Server Error", "INTERNAL"),
        (503, "Service Unavailable", "UNAVAILABLE"),
        (0, "Gateway Timeout", "DEADLINE_EXCEEDED"),
    ],
)
async def test_rows_can_fail_each_in_its_status(
    vertex: VertexRehearsal, status: int, prefix: str, code: str
) -> None:
    await vertex.doom(fail_every=2, fail_status=status)
    job = await vertex.finish(asks(3))
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["completionStats"] == {"successfulCount": "2", "failedCount": "1"}
    rows = await vertex.rows(job)
    assert [row["status"] == "" for row in rows] == [True, False, True]
    said, _, body = rows[1]["status"].partition(": ")
    assert (said, json.loads(body)["error"]["status"]) == (prefix, code)
    assert (rows[1]["response"], label(rows[1])) == ({}, "r-1")


async def test_rows_can_come_in_several_files_one_of_them_empty(vertex: VertexRehearsal) -> None:
    await vertex.doom(output_files=3)
    job = await vertex.finish(asks(5))
    names = ["predictions_00001.jsonl", "predictions_00002.jsonl", "predictions_00003.jsonl"]
    assert await vertex.names(job) == names
    files = [[label(row) for row in await vertex.rows(job, name)] for name in names]
    assert files == [["r-0", "r-2", "r-4"], ["r-1", "r-3"], []]


async def test_failed_rows_can_come_in_a_file_of_their_own(vertex: VertexRehearsal) -> None:
    await vertex.doom(errors_file=True, fail_every=3, fail_status=429)
    job = await vertex.finish(asks(3))
    assert await vertex.names(job) == ["errors_00001.jsonl", "predictions.jsonl"]
    assert [label(row) for row in await vertex.rows(job)] == ["r-0", "r-1"]
    (failed,) = await vertex.rows(job, "errors_00001.jsonl")
    assert failed["request"] == asks(3)[2]["request"]
    assert failed["error"] == {"code": 8, "message": "Resource exhausted. Please try again later."}


async def test_what_was_exported_meanwhile_can_be_left_beside_the_results(vertex: VertexRehearsal) -> None:
    await vertex.doom(incremental=True)
    job = await vertex.finish(asks(4))
    early = "incremental_predictions/predictions_00001.jsonl"
    assert await vertex.names(job) == [early, "predictions.jsonl"]
    assert await vertex.rows(job, early) == (await vertex.rows(job))[:2]


async def test_a_job_can_succeed_partially(vertex: VertexRehearsal) -> None:
    await vertex.doom(partial=True, lose_every=2)
    job = await vertex.finish(asks(4))
    assert job["state"] == "JOB_STATE_PARTIALLY_SUCCEEDED"
    assert job["partialFailures"][0].keys() == {"code", "message"}
    assert job["completionStats"] == {"successfulCount": "2", "incompleteCount": "2"}
    assert [label(row) for row in await vertex.rows(job)] == ["r-0", "r-2"]


async def test_a_job_can_fail_before_it_runs_with_any_error(vertex: VertexRehearsal) -> None:
    await vertex.doom(error={"code": 8, "message": "No capacity."})
    job = await vertex.finish(asks(1))
    assert (job["state"], job["error"]) == ("JOB_STATE_FAILED", {"code": 8, "message": "No capacity."})
    assert "startTime" not in job
    assert job["endTime"]


async def test_a_job_can_fail_as_vertex_fails_it(vertex: VertexRehearsal) -> None:
    await vertex.doom(problem="no_permission")
    job = await vertex.finish(asks(1))
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", 7)


async def test_a_job_can_expire_with_part_of_its_rows_done(vertex: VertexRehearsal) -> None:
    await vertex.doom(expire_at=0.3)
    job = await vertex.finish(asks(10))
    assert job["state"] == "JOB_STATE_EXPIRED"
    assert len(await vertex.rows(job)) == 3


@pytest.mark.parametrize(
    ("paused", "state"), [(False, "JOB_STATE_RUNNING"), (True, "JOB_STATE_PAUSED")], ids=["silent", "paused"]
)
async def test_a_job_can_stop_moving_until_it_is_told_to_go_on(
    vertex: VertexRehearsal, *, paused: bool, state: str
) -> None:
    await vertex.doom(stuck_at=0.5, paused=paused)
    created = await vertex.create(asks(10))
    await vertex.wait(3)
    assert (await vertex.get(created))["state"] == "JOB_STATE_RUNNING"
    await vertex.wait(20 * HOUR)
    job = await vertex.get(created)
    assert (job["state"], job["completionStats"]["successfulCount"]) == (state, "5")
    await vertex.order(f"/jobs/{job['name'].rsplit('/', 1)[1]}", {})
    assert (await vertex.get(created))["state"] == "JOB_STATE_SUCCEEDED"


async def test_cancelling_can_be_slow(vertex: VertexRehearsal) -> None:
    await vertex.doom(cancelling_seconds=HOUR)
    created = await vertex.create(asks(10))
    await vertex.wait(1 + 3)
    await vertex.http.post(f"/v1/{created['name']}:cancel")
    await vertex.wait(HOUR - 1)
    assert (await vertex.get(created))["state"] == "JOB_STATE_CANCELLING"
    await vertex.wait(2)
    job = await vertex.get(created)
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert len(await vertex.rows(job)) == 3


async def test_a_cancel_can_go_unheeded_for_a_while(vertex: VertexRehearsal) -> None:
    await vertex.doom(unheeded_seconds=4, cancelling_seconds=HOUR)
    created = await vertex.create(asks(10))
    await vertex.wait(1 + 3)
    await vertex.http.post(f"/v1/{created['name']}:cancel")
    await vertex.wait(3)
    assert (await vertex.get(created))["state"] == "JOB_STATE_RUNNING"
    await vertex.wait(1)
    assert (await vertex.get(created))["state"] == "JOB_STATE_CANCELLING"
    await vertex.wait(HOUR)
    job = await vertex.get(created)
    assert job["state"] == "JOB_STATE_CANCELLED"
    assert len(await vertex.rows(job)) == 3 + 4


async def test_a_job_that_ends_before_its_cancel_is_heeded_has_succeeded(vertex: VertexRehearsal) -> None:
    await vertex.doom(unheeded_seconds=HOUR)
    created = await vertex.create(asks(10))
    await vertex.wait(5)
    await vertex.http.post(f"/v1/{created['name']}:cancel")
    await vertex.wait(2 * HOUR)
    job = await vertex.get(created)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert len(await vertex.rows(job)) == 10


async def test_a_job_can_succeed_although_it_was_cancelled(vertex: VertexRehearsal) -> None:
    await vertex.doom(outruns_cancel=True)
    created = await vertex.create(asks(10))
    await vertex.wait(5)
    await vertex.http.post(f"/v1/{created['name']}:cancel")
    assert (await vertex.get(created))["state"] == "JOB_STATE_CANCELLING"
    await vertex.wait(100)
    job = await vertex.get(created)
    assert (job["state"], job["completionStats"]) == ("JOB_STATE_SUCCEEDED", {"successfulCount": "10"})
    assert len(await vertex.rows(job)) == 10


async def test_somebody_else_can_cancel_a_job(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(1))
    await vertex.order(f"/jobs/{created['name'].rsplit('/', 1)[1]}/cancel")
    assert (await vertex.get(created))["state"] == "JOB_STATE_CANCELLING"
    assert (await vertex.look("/jobs"))[0]["cancelled_by"] == "the control door"


async def test_counts_can_disagree_with_the_rows(vertex: VertexRehearsal) -> None:
    await vertex.doom(counts_off_by=3)
    job = await vertex.finish(asks(2))
    assert job["completionStats"] == {"successfulCount": "5"}
    assert len(await vertex.rows(job)) == 2


async def test_the_list_can_lag_behind(vertex: VertexRehearsal) -> None:
    await vertex.doom(list_after_seconds=5)
    created = await vertex.create(asks(1))
    assert await vertex.listed() == []
    assert (await vertex.get(created))["name"] == created["name"]
    await vertex.wait(5)
    assert [job["name"] for job in await vertex.listed()] == [created["name"]]


async def test_a_fate_or_a_fault_that_vertex_does_not_have_is_refused(vertex: VertexRehearsal) -> None:
    for fate in ({"problem": "streaming"}, {"error": {"code": 3}}, {"output_files": 0}, {"explode": True}):
        await vertex.order("/faults", {"job": fate}, status=400)
    for fault in ({"verb": "batches.create"}, {"kind": "reject", "reason": "storage_quota"}):
        await vertex.order("/faults", {"kind": "hang", **fault}, status=400)
    await vertex.order("/rules", {"file_pending_seconds": 1}, status=400)


# --- calls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
async def test_a_call_can_fail_with_any_status_in_googles_envelope(
    vertex: VertexRehearsal, status: int, code: str
) -> None:
    fault = {"verb": "jobs.create", "kind": "status", "status": status, "retry_after": "7", "times": 1}
    await vertex.order("/faults", fault)
    answer = await vertex.http.post(JOBS, json=ORDER)
    assert error_of(answer)[:2] == (status, code)
    assert answer.headers["Retry-After"] == "7"
    assert await vertex.look("/jobs") == []
    assert (await vertex.http.post(JOBS, json=ORDER)).status_code == 200


@pytest.mark.parametrize("reason", ["too_many_jobs", "insufficient_quota", "unknown_model", "forbidden"])
async def test_a_call_can_be_rejected_for_a_reason(vertex: VertexRehearsal, reason: str) -> None:
    await vertex.order("/faults", {"verb": "jobs.create", "kind": "reject", "reason": reason})
    assert error_of(await vertex.http.post(JOBS, json=ORDER))[0] in {403, 404, 429}


@pytest.mark.parametrize(
    "fault", [{"kind": "lose_answer"}, {"kind": "status", "status": 500, "done": True}], ids=["lost", "500"]
)
async def test_a_job_can_be_accepted_and_its_answer_lost(
    vertex: VertexRehearsal, fault: dict[str, Any]
) -> None:
    await vertex.order("/faults", {"verb": "jobs.create", "times": 1, **fault})
    if fault["kind"] == "lose_answer":
        with pytest.raises(httpx2.TransportError):
            await vertex.http.post(JOBS, json=ORDER)
    else:
        assert (await vertex.http.post(JOBS, json=ORDER)).status_code == 500
    assert [job["displayName"] for job in await vertex.listed(filter='displayName="shard-1"')] == ["shard-1"]


async def test_a_connection_can_be_dropped_before_anything_is_done(vertex: VertexRehearsal) -> None:
    await vertex.order("/faults", {"verb": "jobs.create", "kind": "drop"})
    with pytest.raises(httpx2.TransportError):
        await vertex.http.post(JOBS, json=ORDER)
    assert await vertex.look("/jobs") == []


async def test_a_call_can_hang_with_its_work_done(vertex: VertexRehearsal) -> None:
    await vertex.order("/faults", {"verb": "jobs.create", "kind": "hang", "done": True})
    hanging = asyncio.create_task(vertex.http.post(JOBS, json=ORDER))
    await until(lambda: vertex.look("/jobs"))
    assert not hanging.done()
    hanging.cancel()


async def test_a_call_can_be_slow(vertex: VertexRehearsal) -> None:
    await vertex.order("/faults", {"verb": "jobs.list", "kind": "delay", "seconds": 30})
    with pytest.raises(httpx2.TimeoutException):
        await vertex.http.get(JOBS, timeout=0.1)
    await vertex.order("/faults", {"verb": "jobs.list", "kind": "delay", "seconds": 0.01})
    assert await vertex.listed() == []


async def test_a_proxy_may_answer_with_a_page(vertex: VertexRehearsal) -> None:
    await vertex.order("/faults", {"kind": "html", "status": 502, "times": 1})
    answer = await vertex.http.get(JOBS)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")


async def test_an_answer_can_end_in_the_middle(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(1))
    await vertex.order("/faults", {"verb": "jobs.get", "kind": "drop_midway", "times": 1})
    with pytest.raises(httpx2.TransportError):
        await vertex.http.get(f"/v1/{created['name']}")
    assert (await vertex.get(created))["name"] == created["name"]


async def test_it_can_be_down_and_come_back_with_all_it_knew(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(1))
    await vertex.order("/down", {"how": "503"})
    assert error_of(await vertex.http.get(JOBS))[:2] == (503, "UNAVAILABLE")
    await vertex.order("/up")
    await vertex.order("/down")
    await until(lambda: _is_away(vertex))
    await vertex.order("/up")
    assert (await vertex.get(created))["name"] == created["name"]


async def _is_away(vertex: VertexRehearsal) -> bool:
    try:
        await vertex.http.get(JOBS)
    except httpx2.TransportError:
        return True
    return False


async def test_after_a_reset_it_knows_nothing(vertex: VertexRehearsal) -> None:
    await vertex.finish(asks(1))
    await vertex.create(asks(1))
    await vertex.order("/faults", {"kind": "hang"})
    await vertex.order("/rules", {"key": "secret"})
    await vertex.order("/reset")
    assert await vertex.listed() == []
    assert await vertex.look("/calls") == {"jobs.list": 1}
    assert list(vertex.simulator.folder.iterdir()) == []


async def test_a_caller_who_gives_up_leaves_the_others_their_results(vertex: VertexRehearsal) -> None:
    created = await vertex.create(asks(2000))
    await vertex.wait(100)
    impatient = asyncio.create_task(vertex.http.get(f"/v1/{created['name']}"))
    await until(lambda: _has_arrived(vertex))
    impatient.cancel()
    job = await vertex.get(created)
    assert len(await vertex.rows(job)) == 2000


async def _has_arrived(vertex: VertexRehearsal) -> bool:
    # The door itself would wait for what the call has begun.
    return vertex.simulator._api.calls["jobs.get"] > 0


async def test_a_storage_that_is_away_fails_the_job(vertex: VertexRehearsal) -> None:
    created = await vertex.said(
        await vertex.http.post(JOBS, json=order(await vertex.put("in/rows.jsonl", jsonl(asks(1)))))
    )
    vertex.simulator.buckets.url = "http://127.0.0.1:1"
    await vertex.wait(1)
    job = await vertex.get(created)
    assert (job["state"], job["error"]["code"]) == ("JOB_STATE_FAILED", 13)
