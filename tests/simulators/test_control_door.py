"""What a test sees behind the door, and what it can order there."""

import asyncio
import os
import sys

import aiohttp
import openai as sdk
import pytest
from openai import AsyncOpenAI

from simulators.native.server import NativeSimulator
from simulators.openai import OpenAIShapes
from tests.simulators.rehearsing import CHAT, DAY, Rehearsal, jsonl


async def test_it_shows_every_job_and_who_cancelled_it(openai: Rehearsal) -> None:
    kept = await openai.create(jsonl(2), {"tag": "shard-1"})
    gone = await openai.create(jsonl(1), {"tag": "shard-1"})
    await openai.client.batches.cancel(gone.id)
    other = await openai.create(jsonl(1))
    await openai.order(f"/jobs/{other.id}/cancel")
    jobs = {job["id"]: job for job in await openai.look("/jobs")}
    assert [job["id"] for job in jobs.values() if not job["is_cancelled"]] == [kept.id]
    assert jobs[kept.id]["metadata"] == {"tag": "shard-1"}
    assert jobs[kept.id]["lines"] == 2
    assert jobs[gone.id]["status"] == "cancelling"
    assert "OpenAI" in jobs[gone.id]["cancelled_by"]
    assert jobs[other.id]["cancelled_by"] == "the control door"


async def test_it_counts_calls_by_verb_refused_or_not(openai: Rehearsal) -> None:
    await openai.upload(jsonl(1))
    await openai.order("/faults", {"verb": "batches.list", "kind": "status", "times": 1})
    with pytest.raises(sdk.InternalServerError):
        await openai.client.batches.list()
    await openai.client.batches.list()
    assert await openai.look("/calls") == {"files.create": 1, "batches.list": 2}


async def test_it_tells_no_key(openai: Rehearsal) -> None:
    await openai.order("/rules", {"key": "sk-other", "webhook_secret": "whsec_c2VjcmV0"})
    shown = str(await openai.look())
    assert "sk-other" not in shown
    assert "whsec_" not in shown


async def test_a_day_passes_at_once(openai: Rehearsal) -> None:
    before = (await openai.look())["now"]
    await openai.wait(DAY)
    await openai.order("/clock", {"now": before + 2 * DAY})
    assert (await openai.look())["now"] == before + 2 * DAY
    await openai.order("/clock", {"now": before}, status=400)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/faults", {"kind": "explode"}),
        ("/faults", {"kind": "hang", "verb": "batches.explode"}),
        ("/faults", {"kind": "hang", "time": 1}),
        ("/faults", {"kind": "reject", "reason": "too_many_jobs"}),
        ("/faults", {"job": {"explode": True}}),
        ("/rules", {"explode": True}),
        ("/clock", {"advance": 1}),
    ],
)
async def test_an_order_nobody_knows_is_refused(openai: Rehearsal, path: str, said: object) -> None:
    await openai.order(path, said, status=400)


async def test_after_a_reset_it_knows_nothing(openai: Rehearsal) -> None:
    await openai.finish(jsonl(1))
    await openai.order("/faults", {"kind": "hang"})
    await openai.order("/rules", {"key": "sk-other"})
    await openai.order("/reset")
    assert (await openai.client.batches.list()).data == []
    assert await openai.look("/files") == []
    assert await openai.look("/calls") == {"batches.list": 1}
    # Nor does anything lie on its disk.
    assert list(openai.simulator.desk.folder.iterdir()) == []


async def test_a_thousand_jobs_cost_no_task_each(openai: Rehearsal) -> None:
    uploaded = await openai.upload(jsonl(1))
    before = len(asyncio.all_tasks())
    said = {"input_file_id": uploaded.id, "endpoint": CHAT, "completion_window": "24h"}
    key = {"Authorization": "Bearer sk-1"}
    for _ in range(1000):
        async with openai.http.post(f"{openai.simulator.base_url}/batches", json=said, headers=key) as answer:
            assert answer.status == 200
    # A connection that is kept open has one.
    assert len(asyncio.all_tasks()) < before + 10
    assert len(await openai.look("/jobs")) == 1000
    assert {job["status"] for job in await openai.look("/jobs")} == {"validating"}


async def test_its_folder_is_gone_when_it_ends() -> None:
    async with NativeSimulator(OpenAIShapes()) as simulator:
        folder = simulator.desk.folder
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("provider", ["openai", "azure"])
async def test_the_command_serves_it_with_rules_and_faults(
    provider: str, http: aiohttp.ClientSession
) -> None:
    options = ["--rule", "max_lines=1", "--fault", '{"kind": "status", "status": 503, "times": 1}']
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "simulate", provider, "--port", "0", "--control-port", "0"),
        *("--speed", "1000", "--key", "sk-1", *options),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        said = [(await process.stdout.readline()).decode() for _ in range(3)]
        base_url, control_url = said[0].split()[-1], said[2].split()[-1]
        assert base_url in said[1]
        base_url += "/openai/v1" if provider == "azure" else ""
        async with AsyncOpenAI(api_key="sk-1", base_url=base_url, max_retries=0) as client:
            with pytest.raises(sdk.InternalServerError):
                await client.batches.list()
            assert (await client.batches.list()).data == []
        async with http.get(control_url) as answer:
            shown = await answer.json()
        assert (shown["provider"], shown["speed"], shown["rules"]["max_lines"]) == (provider, 1000, 1)
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_the_command_serves_vertex_beside_a_storage_of_its_own(http: aiohttp.ClientSession) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "STORAGE_EMULATOR_HOST"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "simulate", "vertex", "--port", "0", "--control-port", "0"),
        *("--speed", "1000", "--bucket", "night", "--rule", "max_jobs=1"),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdout is not None
        said = [(await process.stdout.readline()).decode().strip() for _ in range(5)]
        base_url, control_url = said[0].split()[-1], said[4].split()[-1]
        assert f'gcs_bucket_name: night, api_base: "{base_url}"' in said[1]
        assert "vertex_credentials: anonymous" in said[1]
        storage_url = said[2].removeprefix("Its environment: STORAGE_EMULATOR_HOST=")
        async with http.get(f"{storage_url}/storage/v1/b/night") as answer:
            assert answer.status == 200
        async with http.get(f"{base_url}/v1/projects/p/locations/l/batchPredictionJobs") as answer:
            assert (answer.status, await answer.json()) == (200, {})
        async with http.get(control_url) as answer:
            shown = await answer.json()
        assert (shown["provider"], shown["speed"], shown["rules"]["max_jobs"]) == ("vertex", 1000, 1)
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_without_a_storage_the_command_says_how_to_get_one() -> None:
    without = "import sys; sys.modules['gcp_storage_emulator'] = None; from cli.main import main; main()"
    environment = {name: value for name, value in os.environ.items() if name != "STORAGE_EMULATOR_HOST"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", without, "simulate", "vertex", "--port", "0"),
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "pip install gcp-storage-emulator" in said.decode()


async def test_the_command_serves_vertex_beside_the_storage_that_there_is(
    gcs: str, http: aiohttp.ClientSession
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "simulate", "vertex", "--port", "0", "--bucket", "made"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "STORAGE_EMULATOR_HOST": gcs.removeprefix("http://")},
    )
    try:
        assert process.stdout is not None
        said = [(await process.stdout.readline()).decode().strip() for _ in range(5)]
        assert said[2] == f"Its environment: STORAGE_EMULATOR_HOST={gcs}"
        async with http.get(f"{gcs}/storage/v1/b/made") as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        assert await process.wait() == 0
