"""What is Azure's own: two styles of URLs, two ways to show who asks, and files that take their time."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import NotReadyYet, ProviderRefused, ProviderUnavailable
from overnight.domain.job import Job
from overnight.domain.status import BatchStatus
from overnight.providers.azure import AzureProvider
from tests.overnight.providers.desks import AZURE, AZURE_DATED, KEY, Desk, deployment_of, lines, opened, tag
from tests.overnight.providers.scripted import Scripted, scripted

CHAT = Endpoint.CHAT_COMPLETIONS
A_JOB = {"id": "b", "status": "Validating"}


@pytest.fixture(params=[AZURE, AZURE_DATED])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with opened(request.param) as desk:
        yield desk


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


async def test_a_file_that_is_pending_makes_no_job(desk: Desk) -> None:
    file_id = await desk.upload(lines(1), tag=tag())
    with pytest.raises(NotReadyYet, match="pending"):
        await desk.provider.submit(tag=tag(), file_id=file_id, endpoint=CHAT)
    assert desk.simulator._api.calls["batches.create"] == 0
    desk.pass_time(10)
    assert await desk.provider.submit(tag=tag(), file_id=file_id, endpoint=CHAT)


async def test_a_file_not_shown_yet_is_not_ready(desk: Desk) -> None:
    with pytest.raises(NotReadyYet):
        await desk.provider.submit(tag=tag(), file_id="file-just-now", endpoint=CHAT)


async def test_a_file_that_azure_could_not_take_in_is_refused(script: Scripted) -> None:
    script.says("GET /openai/v1/files/f", {"id": "f", "status": "Error"})
    provider = AzureProvider(deployment_of(AZURE, script.url))
    with pytest.raises(ProviderRefused) as caught:
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
    assert caught.value.code == "input_file_lost"
    await provider.close()


async def test_uploads_expire_so_that_the_quota_of_files_is_the_larger_one(desk: Desk) -> None:
    desk.rule(max_files=0)
    stored = await desk.simulator.desk.file(await desk.upload(lines(1), tag=tag()))
    assert stored.expires_at == stored.created_at + 14 * 86_400


@pytest.mark.parametrize(
    ("version", "expire"), [(None, True), ("2025-04-01-preview", True), ("2024-10-21", False)]
)
async def test_results_expire_where_the_api_knows_of_it(
    script: Scripted, version: str | None, *, expire: bool
) -> None:
    orders = []

    async def create(request: web.Request) -> web.Response:
        orders.append(await request.json())
        return web.json_response(A_JOB)

    base = "/openai" if version else "/openai/v1"
    script.says(f"GET {base}/files/f", {"id": "f", "status": "processed"})
    script.answers(f"POST {base}/batches", create)
    provider = AzureProvider(replace(deployment_of(AZURE, script.url), api_version=version))
    await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
    assert ("output_expires_after" in orders[0]) is expire
    assert {request.query.get("api-version") for request in script.asked} == {version}
    await provider.close()


async def test_the_dated_style_is_read_like_the_other(desk: Desk) -> None:
    job = await desk.submit(tag=tag())
    assert job.created_at is not None
    assert (job.output_file_id, job.error_file_id) == (None, None)
    desk.pass_time(5)
    assert (await desk.provider.poll(job.id)).status is BatchStatus.IN_PROGRESS


async def test_an_error_file_of_zero_bytes_is_no_results(desk: Desk) -> None:
    job = await desk.ended(tag=tag())
    assert job.error_file_id is not None
    assert await desk.results(replace(job, output_file_id=None)) == []


async def test_result_lines_have_no_id_of_their_own(desk: Desk) -> None:
    results = await desk.results(await desk.ended(tag=tag()))
    assert {result.id for result in results} == {None}
    assert all(result.request_id for result in results)


async def test_line_numbers_in_quotes_are_numbers(desk: Desk) -> None:
    file_id = await desk.upload(lines(1) + lines(1), tag=tag())
    desk.pass_time(10)
    job = await desk.provider.submit(tag=tag(), file_id=file_id, endpoint=CHAT)
    desk.pass_time(3_600)
    assert [error.line for error in (await desk.provider.poll(job.id)).errors] == [2]


# --- who asks ----------------------------------------------------------------------------------


async def shown_by(provider: AzureProvider, script: Scripted) -> dict[str, str]:
    script.says("GET /openai/v1/batches/b", A_JOB)
    await provider.poll("b")
    headers = script.asked[-1].headers
    await provider.close()
    return {name: headers[name] for name in ("api-key", "Authorization") if name in headers}


async def test_a_key_goes_into_azure_s_own_header(script: Scripted) -> None:
    provider = AzureProvider(deployment_of(AZURE, script.url))
    assert await shown_by(provider, script) == {"api-key": KEY}


async def test_a_token_goes_as_a_bearer(script: Scripted) -> None:
    deployment = replace(deployment_of(AZURE, script.url), api_key=None, ad_token="a-token")
    assert await shown_by(AzureProvider(deployment), script) == {"Authorization": "Bearer a-token"}


@pytest.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scripted]:
    """A managed identity, as Azure's App Service offers one to the programs it runs."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    async with scripted() as identity:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{identity.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "prove-it")
        yield identity


def a_token(name: str, *, expires_on: int) -> dict[str, str]:
    resource = "https://cognitiveservices.azure.com"
    return {"access_token": name, "expires_on": str(expires_on), "resource": resource, "token_type": "Bearer"}


async def test_without_either_entra_id_is_asked_and_its_token_kept(
    script: Scripted, identity: Scripted
) -> None:
    identity.says("GET /token", a_token("from-entra", expires_on=4_102_444_800))
    provider = AzureProvider(replace(deployment_of(AZURE, script.url), api_key=None))
    script.says("GET /openai/v1/batches/b", A_JOB)
    await provider.poll("b")
    assert await shown_by(provider, script) == {"Authorization": "Bearer from-entra"}
    assert identity.queries[0]["resource"] == "https://cognitiveservices.azure.com"
    assert len(identity.asked) == 1


async def test_a_token_is_not_fetched_for_every_call(
    script: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    az, log = tmp_path / "az", tmp_path / "log"
    token = json.dumps({"accessToken": "from-az", "expires_on": 4_102_444_800, "tokenType": "Bearer"})
    az.write_text(f"#!/bin/sh\necho called >> {log}\necho '{token}'\n")
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    provider = AzureProvider(replace(deployment_of(AZURE, script.url), api_key=None))
    script.says("GET /openai/v1/batches/b", A_JOB)
    await provider.poll("b")
    assert await shown_by(provider, script) == {"Authorization": "Bearer from-az"}
    assert log.read_text() == "called\n"


async def test_who_has_no_credential_is_refused_at_submit_but_loses_no_job(
    script: Scripted, identity: Scripted
) -> None:
    identity.says("GET /token", {"statusCode": 400, "message": "No MSI found"}, status=400)
    provider = AzureProvider(replace(deployment_of(AZURE, script.url), api_key=None))
    with pytest.raises(ProviderRefused) as caught:
        await provider.submit(tag=tag(), file_id="f", endpoint=CHAT)
    assert caught.value.code == "no_credentials"
    with pytest.raises(ProviderUnavailable):
        await provider.poll("b")
    with pytest.raises(ProviderUnavailable):
        [
            result
            async for result in provider.results(
                Job(id="b", status=BatchStatus.COMPLETED, output_file_id="o")
            )
        ]
    assert script.asked == []
    await provider.close()


def test_azure_s_limits_are_facts() -> None:
    provider = AzureProvider(deployment_of(AZURE, "http://127.0.0.1:9"))
    assert provider.limits.max_requests == 100_000
    assert provider.limits.window is None
    assert {each.value for each in provider.limits.endpoints} == {"/v1/chat/completions", "/v1/responses"}


async def test_an_upload_that_azure_has_lost_is_not_taken_again_but_is_cleaned_up(script: Scripted) -> None:
    made = {"filename": tag().filename, "created_at": 1_900_000_000}
    statuses = ("error", "Deleted", "processed", None)
    files = [{"id": f"f{number}", "status": status, **made} for number, status in enumerate(statuses)]
    script.says("GET /openai/v1/files", {"data": files})
    provider = AzureProvider(deployment_of(AZURE, script.url))
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert await provider.find_uploads(tag(), since=since) == ["f2", "f3"]
    assert await provider.find_remains(tag(7), since=since) == ["f0", "f1", "f2", "f3"]
    assert await provider.find_remains(tag(shard=1), since=since) == []
    await provider.close()
