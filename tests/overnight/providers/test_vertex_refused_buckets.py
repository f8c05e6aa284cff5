"""A bucket of Vertex AI's that says no: that is the deployment's refusal, and whatever may pass is none."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from overnight.domain.deployment import Deployment
from overnight.domain.errors import ProviderRefused, StorageRefused, StorageUnavailable
from overnight.providers.protocol import RESULTS_GONE
from overnight.providers.vertex import VertexProvider
from tests.emulators.canned import saying
from tests.overnight.providers.desks import GOOGLE, VERTEX, Desk, content_of, deployment_of, opened, tag


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(VERTEX) as desk:
        yield desk


def somewhere() -> VertexProvider:
    """A deployment of which nothing is asked but its bucket."""
    return VertexProvider(deployment_of(VERTEX, "http://127.0.0.1:9"))


def through(deployment: Deployment, **place: Any) -> VertexProvider:
    """The same deployment, whose rows are to go elsewhere, or as somebody else."""
    return VertexProvider(replace(deployment, google=replace(GOOGLE, **place)))


async def test_a_bucket_that_is_not_there_is_the_deployment_s_refusal_and_says_what_to_do(desk: Desk) -> None:
    provider = through(desk.deployment, bucket="nobody-made-it")
    for asked in (
        provider.upload(content_of(b"x"), size=1, tag=tag()),
        provider.find_uploads(tag(), since=desk.since),
    ):
        with pytest.raises(ProviderRefused) as caught:
            await asked
        assert caught.value.code == "bucket_not_found"
        assert "deployment 'gpt'" in caught.value.message
        assert "no Google Cloud Storage bucket 'nobody-made-it'" in caught.value.message
        assert "Create it, or name another one in gcs_bucket_name" in caught.value.message
    await provider.close()


async def test_a_bucket_that_is_denied_is_the_deployment_s_refusal_and_quotes_no_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"error": {"message": "robot@my-project.iam.gserviceaccount.com does not have access"}}
    with saying(403, json.dumps(said)) as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.url)
        provider = somewhere()
        with pytest.raises(ProviderRefused) as caught:
            await provider.upload(content_of(b"x"), size=1, tag=tag())
        await provider.close()
    assert caught.value.code == "bucket_refused"
    assert "the Google Cloud Storage bucket 'rows' is denied" in caught.value.message
    assert "Give it to the account from environment variable SOME_KEY" in caught.value.message
    assert "robot@" not in caught.value.message


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_a_bucket_that_is_not_well_is_waited_for(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with saying(status, "") as google:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", google.url)
        provider = somewhere()
        with pytest.raises(StorageUnavailable):
            await provider.upload(content_of(b"x"), size=1, tag=tag())
        await provider.close()


async def test_a_bucket_that_can_t_be_reached_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{unused_tcp_port}")
    provider = somewhere()
    with pytest.raises(StorageUnavailable):
        await provider.upload(content_of(b"x"), size=1, tag=tag())
    await provider.close()


async def test_a_no_of_the_store_that_an_input_is_read_from_is_none_of_the_deployment_s(desk: Desk) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"x"
        raise StorageRefused("access is denied", key="files/in")

    with pytest.raises(StorageRefused, match="files/in"):
        await desk.provider.upload(content, size=1, tag=tag())


async def test_an_account_that_gets_no_token_is_refused_before_its_bucket_is_asked(desk: Desk) -> None:
    provider = through(desk.deployment, credentials="/no/such/account.json")
    for asked in (
        provider.upload(content_of(b"x"), size=1, tag=tag()),
        provider.find_uploads(tag(), since=desk.since),
    ):
        with pytest.raises(ProviderRefused) as caught:
            await asked
        assert caught.value.code == "no_credentials"
    await provider.close()


async def test_of_a_bucket_that_is_gone_there_is_nothing_left_to_clean_up_nor_any_result(desk: Desk) -> None:
    job = await desk.ended(tag=tag())
    provider = through(desk.deployment, bucket="nobody-made-it")
    assert await provider.find_remains(tag(), since=desk.since) == []
    gone = (job.output_file_id or "").replace(f"gs://{GOOGLE.bucket}/", "gs://nobody-made-it/")
    await provider.delete_file(gone)
    with pytest.raises(ProviderRefused) as caught:
        _ = [result async for result in provider.results(replace(job, output_file_id=gone))]
    assert caught.value.code == RESULTS_GONE
    await provider.close()
