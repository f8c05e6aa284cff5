"""Where a request may name a provider, what that does, and what is said of one that nothing can use."""

from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest

from overnight.config import Settings
from overnight.domain.deployment import ANY_MODEL, BatchLane, Deployment
from tests.api.forms import CONTENT_TYPE, field, file, form
from tests.api.served import KEY, Served

WANTED: dict[str, Any] = {
    "input_file_id": "file-abc123",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
}
IN_FIELD: dict[str, Any] = {"json": {**WANTED, "custom_llm_provider": "openai"}}
IN_QUERY: dict[str, Any] = {"params": {"custom_llm_provider": "openai"}}
IN_HEADER: dict[str, Any] = {"headers": {"custom-llm-provider": "openai"}}
AZURE = Deployment(
    id="dep_azure",
    model_name=ANY_MODEL,
    provider="azure",
    model=ANY_MODEL,
    api_base="https://res.openai.azure.com",
    api_key="azure-key",
    lane=BatchLane.NATIVE,
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """OpenAI in the file, Azure in the environment."""
    return replace(settings, from_environment=(AZURE,))


async def post(served: Served, path: str = "/v1/batches", **options: Any) -> httpx2.Response:
    async with served.http() as http:
        return await http.post(path, **{"json": WANTED, **options})


async def upload(served: Served, *parts: bytes, path: str = "/v1/files", **options: Any) -> httpx2.Response:
    body = form(field("purpose", "batch"), *parts, file())
    headers = {**CONTENT_TYPE, **options.pop("headers", {})}
    async with served.http() as http:
        return await http.post(path, content=body, headers=headers, **options)


async def provider_of_file(served: Served, answer: httpx2.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    kept = await served.catalog.file(answer.json()["id"], project="default", now=served.clock())
    return kept.provider


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/v1/batches", IN_FIELD),
        ("/v1/batches", IN_QUERY),
        ("/batches", IN_HEADER),
        ("/openai/v1/batches", {}),
        ("/openai/v1/batches", {**IN_FIELD, **IN_QUERY, **IN_HEADER}),
    ],
)
async def test_a_batch_may_name_its_provider_in_any_place(
    served: Served, path: str, options: dict[str, Any]
) -> None:
    answer = await post(served, path, **options)
    assert answer.status_code == 200, answer.text
    assert served.runs.started[answer.json()["id"]].provider == "openai"
    assert answer.json()["overnight"]["provider"] == "openai"


async def test_a_batch_need_not_name_one(served: Served) -> None:
    answer = await post(served)
    assert served.runs.started[answer.json()["id"]].provider is None
    assert answer.json()["overnight"]["provider"] is None


@pytest.mark.parametrize(
    ("path", "options"),
    [("/azure/v1/batches", IN_FIELD), ("/azure/v1/batches", IN_QUERY), ("/azure/v1/batches", IN_HEADER)],
)
async def test_places_that_disagree_are_all_named(served: Served, path: str, options: dict[str, Any]) -> None:
    error = (await post(served, path, **options)).json()["error"]
    assert (error["param"], error["code"]) == ("custom_llm_provider", "invalid_value")
    assert "the path says 'azure'" in error["message"]
    assert "custom" in error["message"].partition("'azure'")[2]
    assert "says 'openai'" in error["message"]
    assert served.runs.started == {}


async def test_one_idempotency_key_is_one_batch_wherever_the_provider_stands(served: Served) -> None:
    key = {"idempotency-key": "night-7"}
    first = await post(served, **{**IN_FIELD, "headers": key})
    again = await post(served, headers={**key, "custom-llm-provider": "openai"})
    assert again.json()["id"] == first.json()["id"]
    other = await post(served, "/azure/v1/batches", headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("hosted_vllm", "There is no deployment at hosted_vllm: model_list has none."),
        ("vertex_ai", "There is no deployment at vertex_ai: model_list has none"),
        ("opanai", "Nobody knows the provider 'opanai'"),
    ],
)
async def test_a_provider_that_nothing_can_use_is_refused_at_once(
    served: Served, provider: str, said: str
) -> None:
    for answer in (
        await post(served, headers={"custom-llm-provider": provider}),
        await upload(served, field("custom_llm_provider", provider)),
    ):
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (
            400,
            "custom_llm_provider",
            "invalid_value",
        )
        assert said in error["message"]
    assert served.runs.started == {}
    assert served.storage.everything() == []


class TestWithoutCredentials:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, deployments=(), from_environment=())

    @pytest.mark.parametrize(
        ("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("azure", "AZURE_API_BASE")]
    )
    async def test_the_variable_to_set_is_named(self, served: Served, provider: str, variable: str) -> None:
        answer = await post(served, f"/{provider}/v1/batches")
        assert answer.status_code == 400
        assert variable in answer.json()["error"]["message"]


@pytest.mark.parametrize("options", [IN_QUERY, IN_HEADER, {"json": {**WANTED, "custom_llm_provider": 7}}])
async def test_a_name_that_can_not_be_one_is_refused_in_openais_words(
    served: Served, options: dict[str, Any]
) -> None:
    long = {"params": {"custom_llm_provider": "x" * 65}, "headers": {"custom-llm-provider": "x" * 65}}
    given = {name: long.get(name, value) for name, value in options.items()}
    answer = await post(served, **given)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"string_above_max_length", "invalid_type"}


@pytest.mark.parametrize(
    ("parts", "options"),
    [
        ([field("custom_llm_provider", "azure")], {}),
        ([], {"params": {"custom_llm_provider": "azure"}}),
        ([], {"headers": {"custom-llm-provider": "azure"}}),
        ([], {"path": "/azure/v1/files"}),
    ],
)
async def test_a_file_remembers_the_provider_its_batches_are_for(
    served: Served, parts: list[bytes], options: dict[str, Any]
) -> None:
    assert await provider_of_file(served, await upload(served, *parts, **options)) == "azure"


async def test_a_file_need_not_name_one(served: Served) -> None:
    assert await provider_of_file(served, await upload(served)) is None


async def test_an_upload_that_names_two_leaves_nothing_behind(served: Served) -> None:
    answer = await upload(served, field("custom_llm_provider", "azure"), path="/openai/v1/files")
    assert answer.status_code == 400
    assert "the path says 'openai'" in answer.json()["error"]["message"]
    assert served.storage.everything() == []


async def test_an_sdk_lives_its_whole_life_below_a_provider(served: Served) -> None:
    async with served.sdk(base="/azure/v1") as client:
        sent = await client.files.create(file=("in.jsonl", b'{"custom_id":"a"}\n'), purpose="batch")
        batch = await client.batches.create(
            input_file_id=sent.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert (await client.batches.retrieve(batch.id)).id == batch.id
        assert [each.id async for each in client.batches.list(limit=2)] == [batch.id]
        assert [each.id async for each in client.files.list()] == [sent.id]
        assert (await client.files.content(sent.id)).content == b'{"custom_id":"a"}\n'
        assert (await client.batches.cancel(batch.id)).status == "cancelling"
        assert (await client.files.delete(sent.id)).deleted
    # Files and batches are here whatever the provider, so any base shows them.
    async with served.sdk() as client:
        assert (await client.batches.retrieve(batch.id)).id == batch.id


@pytest.mark.parametrize("path", ["/acme/v1/batches", "/acme/v1/files/file-1", "/vertexai/v1/models"])
async def test_a_path_of_an_unknown_provider_is_no_url(served: Served, path: str) -> None:
    async with served.http() as http:
        answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"
    assert path in answer.json()["error"]["message"]


async def test_a_key_is_asked_for_below_a_provider_too(served: Served) -> None:
    async with served.sdk(key=f"{KEY}-not", base="/openai/v1") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.batches.list()
