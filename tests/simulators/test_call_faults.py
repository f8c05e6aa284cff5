"""Each way in which a call can go wrong, as an SDK sees it."""

import asyncio
from typing import Any

import httpx2
import openai as sdk
import pytest

from tests.simulators.rehearsing import CHAT, Rehearsal, jsonl, until


async def _create(openai: Rehearsal, **options: Any) -> None:
    uploaded = await openai.upload(jsonl(1))
    await openai.client.batches.create(
        input_file_id=uploaded.id, endpoint=CHAT, completion_window="24h", **options
    )


async def _download(openai: Rehearsal, file_id: str, *, into: bytearray) -> None:
    async with openai.client.files.with_streaming_response.content(file_id) as content:
        async for chunk in content.iter_bytes():
            into.extend(chunk)


async def _is_there(openai: Rehearsal) -> bool:
    try:
        await openai.client.batches.list()
    except sdk.APIConnectionError:
        return False
    return True


async def _is_away(openai: Rehearsal) -> bool:
    return not await _is_there(openai)


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("bad_key", 401, "invalid_api_key"),
        ("forbidden", 403, None),
        ("unknown_model", 404, "model_not_found"),
        ("rate_limited", 429, "rate_limit_exceeded"),
        ("insufficient_quota", 429, "insufficient_quota"),
        ("storage_quota", 400, "file_storage_quota"),
        ("token_limit", 400, "token_limit_exceeded"),
        ("input_missing", 400, None),
    ],
)
async def test_a_call_is_rejected_for_any_reason_in_the_providers_words(
    openai: Rehearsal, reason: str, status: int, code: str | None
) -> None:
    await openai.order("/faults", {"verb": "batches.create", "kind": "reject", "reason": reason})
    with pytest.raises(sdk.APIStatusError) as caught:
        await _create(openai)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert await openai.look("/jobs") == []


async def test_azure_rejects_in_its_own_words(azure: Rehearsal) -> None:
    await azure.order("/faults", {"kind": "reject", "reason": "bad_key"})
    with pytest.raises(sdk.AuthenticationError, match="invalid subscription key"):
        await azure.client.batches.list()


async def test_any_status_comes_with_when_to_come_back_and_ends_after_its_times(openai: Rehearsal) -> None:
    fault = {"verb": "batches.*", "kind": "status", "status": 502, "retry_after": "7", "times": 1}
    await openai.order("/faults", fault)
    with pytest.raises(sdk.InternalServerError) as caught:
        await openai.client.batches.list()
    assert caught.value.response.headers["Retry-After"] == "7"
    await openai.client.batches.list()


async def test_some_calls_pass_before_the_fault_begins(openai: Rehearsal) -> None:
    await openai.order("/faults", {"verb": "batches.list", "kind": "status", "skip": 2, "times": 1})
    outcomes = []
    for _ in range(4):
        try:
            await openai.client.batches.list()
            outcomes.append("listed")
        except sdk.InternalServerError:
            outcomes.append("failed")
    assert outcomes == ["listed", "listed", "failed", "listed"]


async def test_a_proxy_may_answer_with_a_page(openai: Rehearsal) -> None:
    await openai.order("/faults", {"kind": "html", "status": 502})
    with pytest.raises(sdk.InternalServerError) as caught:
        await openai.client.batches.list()
    assert caught.value.response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "fault", [{"kind": "lose_answer"}, {"kind": "status", "status": 500, "done": True}], ids=["lost", "500"]
)
async def test_a_job_can_be_accepted_and_its_answer_lost(openai: Rehearsal, fault: dict[str, Any]) -> None:
    await openai.order("/faults", {"verb": "batches.create", "times": 1, **fault})
    with pytest.raises((sdk.APIConnectionError, sdk.InternalServerError)):
        await _create(openai, metadata={"tag": "shard-1"})
    listed = (await openai.client.batches.list()).data
    assert [batch.metadata for batch in listed] == [{"tag": "shard-1"}]


async def test_a_connection_can_be_dropped_before_anything_is_done(openai: Rehearsal) -> None:
    await openai.order("/faults", {"verb": "batches.create", "kind": "drop"})
    with pytest.raises(sdk.APIConnectionError):
        await _create(openai)
    assert await openai.look("/jobs") == []


async def test_a_call_can_hang_with_its_work_done(openai: Rehearsal) -> None:
    await openai.order("/faults", {"verb": "batches.create", "kind": "hang", "done": True})
    uploaded = await openai.upload(jsonl(1))
    hanging = asyncio.create_task(
        openai.client.batches.create(input_file_id=uploaded.id, endpoint=CHAT, completion_window="24h")
    )
    await until(lambda: openai.look("/jobs"))
    assert not hanging.done()
    hanging.cancel()


async def test_a_call_can_be_slow(openai: Rehearsal) -> None:
    await openai.order("/faults", {"verb": "batches.list", "kind": "delay", "seconds": 30})
    with pytest.raises(sdk.APITimeoutError):
        await openai.client.batches.list(timeout=0.1)
    await openai.order("/faults", {"verb": "batches.list", "kind": "delay", "seconds": 0.01})
    assert (await openai.client.batches.list()).data == []


async def test_a_download_can_be_dropped_in_the_middle(openai: Rehearsal) -> None:
    batch = await openai.finish(jsonl(50))
    fault = {"verb": "files.content", "kind": "drop_midway", "bytes": 1000, "times": 1}
    await openai.order("/faults", fault)
    arrived = bytearray()
    with pytest.raises(httpx2.RemoteProtocolError):
        await _download(openai, f"{batch.output_file_id}", into=arrived)
    assert len(arrived) == 1000
    assert len(await openai.lines(batch.output_file_id)) == 50


async def test_faults_end_when_they_are_cleared(openai: Rehearsal) -> None:
    await openai.order("/faults", [{"kind": "hang"}, {"job": {"stuck_at": 0.5}}])
    async with openai.http.delete(openai.simulator.control_url + "/faults") as answer:
        assert answer.status == 200
    assert (await openai.finish(jsonl(2))).status == "completed"


async def test_it_can_refuse_connections_and_come_back_with_all_it_knew(openai: Rehearsal) -> None:
    created = await openai.create(jsonl(1))
    await openai.order("/down")
    await until(lambda: _is_away(openai))
    assert [job["id"] for job in await openai.look("/jobs")] == [created.id]
    await openai.order("/up")
    assert (await openai.client.batches.retrieve(created.id)).id == created.id


async def test_without_a_control_port_it_does_not_go_for_good(azure: Rehearsal) -> None:
    await azure.order("/down", status=400)


async def test_it_comes_up_again_however_soon_it_is_told_to(openai: Rehearsal) -> None:
    await openai.order("/down")
    await openai.order("/up")
    await until(lambda: _is_there(openai))


async def test_it_can_be_away_for_a_while(openai: Rehearsal) -> None:
    await openai.order("/down", {"seconds": 0.2})
    await until(lambda: _is_away(openai))
    await until(lambda: _is_there(openai))


async def test_it_can_say_that_it_is_down(openai: Rehearsal) -> None:
    await openai.order("/down", {"how": "503"})
    with pytest.raises(sdk.InternalServerError) as caught:
        await openai.client.batches.list()
    assert caught.value.status_code == 503
    await openai.order("/up")
    assert (await openai.client.batches.list()).data == []
