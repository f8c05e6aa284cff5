"""The simulated Azure, driven by OpenAI's SDK in both of Azure's URL styles."""

import aiohttp
import openai as sdk
import pytest
from openai import AsyncAzureOpenAI

from simulators.azure import AzureShapes
from tests.simulators.rehearsing import CHAT, DAY, Rehearsal, jsonl


async def test_asked_with_an_api_version_it_has_azures_oddities(azure: Rehearsal) -> None:
    created = await azure.create(jsonl(2), {"tag": "shard-1"})
    assert created.status == "Validating"  # type: ignore[comparison-overlap]
    assert str(created.created_at).endswith("+00:00")
    assert (created.output_file_id, created.error_file_id) == ("", "")
    assert created.request_counts
    assert created.request_counts.total is None
    assert created.metadata == {"tag": "shard-1"}


async def test_under_v1_it_is_closer_to_openai(azure_v1: Rehearsal) -> None:
    created = await azure_v1.create(jsonl(2))
    assert created.status == "validating"
    assert isinstance(created.created_at, int)
    assert created.output_file_id == ""


async def test_all_oddities_can_be_had_under_v1_too() -> None:
    assert AzureShapes(odd=True).is_dated("/openai/v1/batches")


async def test_a_batch_completes_with_a_zero_byte_error_file_and_lines_without_ids(
    azure_v1: Rehearsal,
) -> None:
    batch = await azure_v1.finish(jsonl(2))
    assert batch.status == "completed"
    assert await azure_v1.lines(batch.error_file_id) == []
    lines = await azure_v1.lines(batch.output_file_id)
    assert lines[0].keys() == {"custom_id", "response", "error"}
    assert "content_filter_results" in lines[0]["response"]["body"]["choices"][0]


async def test_a_file_is_pending_first_and_no_batch_can_be_made_of_it(azure: Rehearsal) -> None:
    uploaded = await azure.client.files.create(file=("in.jsonl", jsonl(1)), purpose="batch")
    assert uploaded.status == "pending"  # type: ignore[comparison-overlap]
    with pytest.raises(sdk.BadRequestError, match="'pending' state"):
        await azure.client.batches.create(input_file_id=uploaded.id, endpoint=CHAT, completion_window="24h")
    await azure.wait(2)
    assert (await azure.client.files.retrieve(uploaded.id)).status == "processed"


async def test_a_batch_does_not_expire_with_its_window(azure_v1: Rehearsal) -> None:
    await azure_v1.order("/rules", {"seconds": 3 * DAY})
    batch = await azure_v1.finish(jsonl(3), after=2 * DAY)
    assert batch.status == "in_progress"


async def test_validation_errors_have_azures_codes_and_lines_in_quotes(azure: Rehearsal) -> None:
    batch = await azure.finish(jsonl(1, url="/v1/embeddings"))
    # The SDK makes a number of the line.
    raw = await azure.client.batches.with_raw_response.retrieve(batch.id)
    error = raw.http_response.json()["errors"]["data"][0]
    assert (error["code"], error["line"]) == ("url_mismatch", "1")
    assert (batch.failed_at, batch.completed_at is None) == (None, False)


async def test_lines_may_leave_the_version_out(azure_v1: Rehearsal) -> None:
    assert (await azure_v1.finish(jsonl(1, url="/chat/completions"))).status == "completed"


async def test_an_empty_file_is_found_by_validation_only(azure_v1: Rehearsal) -> None:
    batch = await azure_v1.finish(b"")
    assert batch.errors
    assert (batch.errors.data or [])[0].code == "empty_file"


async def test_files_without_expiry_have_a_quota_of_their_own(azure_v1: Rehearsal) -> None:
    await azure_v1.order("/rules", {"max_files": 1})
    await azure_v1.upload(jsonl(1))
    with pytest.raises(sdk.BadRequestError, match="The quota for files without expiry is reached") as caught:
        await azure_v1.upload(jsonl(1))
    assert caught.value.code == "quotaExceeded"
    expiring = await azure_v1.client.files.create(
        file=("in.jsonl", jsonl(1)),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 14 * DAY},
    )
    assert expiring.expires_at == expiring.created_at + 14 * DAY


async def test_it_is_routed_by_api_version(azure: Rehearsal, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{azure.simulator.origin}/openai/batches", headers={"api-key": "key"}) as answer:
        assert answer.status == 404
        assert await answer.json() == {"error": {"code": "404", "message": "Resource not found"}}


async def test_a_key_or_an_entra_token_lets_one_in(azure: Rehearsal) -> None:
    await azure.order("/rules", {"key": "key", "token": "entra"})
    await azure.client.batches.list()
    origin = azure.simulator.origin
    async with AsyncAzureOpenAI(
        azure_ad_token="entra", azure_endpoint=origin, api_version="2024-10-21"
    ) as client:
        await client.batches.list()
    async with AsyncAzureOpenAI(
        api_key="old", azure_endpoint=origin, api_version="2024-10-21", max_retries=0
    ) as client:
        with pytest.raises(sdk.AuthenticationError):
            await client.batches.list()
