"""Who gets in, what is said of errors nobody expected, and what every response bears."""

import re
from dataclasses import replace
from typing import Any

import openai
import pytest
from structlog.testing import capture_logs

from overnight.catalog import Catalog
from overnight.config import Settings
from tests.api.served import KEY, Served

KEYS = {"message", "type", "param", "code"}


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer"}, {"authorization": f"Basic {KEY}"}])
async def test_a_missing_key_is_asked_for(served: Served, header: dict[str, str]) -> None:
    async with served.http() as http:
        del http.headers["authorization"]
        answer = await http.get("/v1/files", headers=header)
    error = answer.json()["error"]
    assert answer.status_code == 401
    assert (error["type"], error["param"], error["code"]) == (
        "invalid_request_error",
        None,
        "invalid_api_key",
    )
    assert "Authorization: Bearer YOUR_KEY" in error["message"]
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/v1/files", "/batches", "/v1/models", "/files/file-1/content"])
async def test_a_wrong_key_opens_nothing_and_is_not_repeated(served: Served, path: str) -> None:
    async with served.http(headers={"authorization": "Bearer sk-wrong-one"}) as http:
        answer = await http.get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Incorrect API key provided."


async def test_the_sdk_sees_an_authentication_error(served: Served) -> None:
    async with served.sdk(key="sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


class TestALetterOfAnyKind:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, master_key="sk-schlüssel")

    async def test_a_key_may_hold(self, served: Served) -> None:
        bearer = (b"authorization", "Bearer sk-schlüssel".encode())
        async with served.http() as http:
            del http.headers["authorization"]
            assert (await http.get("/v1/models", headers=[bearer])).status_code == 200


class TestWithoutAMasterKey:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, master_key=None)

    async def test_any_bearer_or_none_is_taken(self, served: Served) -> None:
        async with served.http() as http:
            assert (await http.get("/v1/models")).status_code == 200
            del http.headers["authorization"]
            assert (await http.get("/v1/models")).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"host": "evil.example"},
            {"host": "["},
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1.evil.example"},
        ],
    )
    async def test_a_web_page_from_elsewhere_is_kept_out(
        self, served: Served, headers: dict[str, str]
    ) -> None:
        async with served.http() as http:
            answer = await http.post("/v1/batches/batch_1/cancel", headers=headers)
        assert answer.status_code == 403
        assert set(answer.json()["error"]) == KEYS

    @pytest.mark.parametrize(
        "headers", [{"host": "localhost:4000"}, {"host": "[::1]:4000"}, {"origin": "http://localhost:3000"}]
    )
    async def test_a_page_of_this_machine_is_let_in(self, served: Served, headers: dict[str, str]) -> None:
        async with served.http() as http:
            assert (await http.get("/v1/models", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/readiness", "/docs", "/openapi.json"])
async def test_health_and_docs_are_open(served: Served, path: str) -> None:
    async with served.http() as http:
        del http.headers["authorization"]
        assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_the_pages_of_documentation_need_nothing_from_elsewhere(served: Served, page: str) -> None:
    async with served.http() as http:
        html = (await http.get(page)).text
        loaded = re.findall(r'(?:src|href)="([^"]*)"', html)
        answers = [await http.get(place) for place in loaded if place.startswith("/")]
    assert len(answers) == len(loaded) >= 2
    assert {answer.status_code for answer in answers} == {200}
    assert any(answer.headers["content-type"].startswith("text/javascript") for answer in answers)


async def test_a_path_nobody_knows_is_a_404_in_the_envelope(served: Served) -> None:
    async with served.http() as http:
        answer = await http.get("/v1/nothing?secret=1")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == KEYS
    assert answer.json()["error"]["message"] == "Invalid URL (GET /v1/nothing)."


async def test_a_method_nobody_knows_is_a_405_that_says_which_are(served: Served) -> None:
    async with served.http() as http:
        answer = await http.delete("/v1/batches")
    assert answer.status_code == 405
    assert set(answer.json()["error"]) == KEYS
    assert answer.headers["allow"]


async def test_a_json_body_has_a_bound(served: Served) -> None:
    async with served.http() as http:
        answer = await http.post("/v1/batches", json={"metadata": {"a": "x" * 2 * 2**20}})
    assert answer.status_code == 413
    assert set(answer.json()["error"]) == KEYS


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def batch_in_detail(*_: Any, **__: Any) -> None:
        raise RuntimeError("sk-secret was in a local variable")

    monkeypatch.setattr(Catalog, "batch_in_detail", batch_in_detail)


@pytest.mark.usefixtures("broken")
async def test_an_error_nobody_expected_says_nothing_of_itself(served: Served) -> None:
    with capture_logs() as log:
        async with served.http() as http:
            answer = await http.get("/v1/batches/batch_1")
    assert "RuntimeError" in {line.get("error") for line in log}
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "The server had an error while processing your request.",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    assert answer.headers["x-request-id"].startswith("req_")


async def test_every_response_has_an_id_of_its_own(served: Served) -> None:
    async with served.http() as http:
        paths = ["/v1/models", "/v1/models", "/nothing", "/v1/batches/batch_nope", "/health/liveliness"]
        ids = [(await http.get(path)).headers["x-request-id"] for path in paths]
    assert len(set(ids)) == len(ids)
    assert all(each.startswith("req_") for each in ids)


@pytest.mark.parametrize(
    ("proposed", "taken"),
    [("trace-1.a_B", True), ("x" * 65, False), ("a b", False), ("", False), ("<script>", False)],
)
async def test_a_callers_request_id_is_taken_where_it_is_sane(
    served: Served, proposed: str, *, taken: bool
) -> None:
    async with served.http(headers={"x-request-id": proposed}) as http:
        answer = await http.get("/v1/models")
    assert (answer.headers["x-request-id"] == proposed) is taken


async def test_the_log_has_the_path_of_the_route_and_neither_query_nor_id(served: Served) -> None:
    with capture_logs() as log:
        async with served.http() as http:
            await http.get("/v1/batches/batch_nope?token=hidden")
    lines = [line for line in log if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/batches/{batch_id}", 404)
    ]
    assert "hidden" not in repr(log)


async def test_models_are_the_names_of_the_configuration(served: Served) -> None:
    async with served.sdk() as client:
        models = [model async for model in client.models.list()]
    assert [(model.object, model.id) for model in models] == [("model", "smol"), ("model", "org/large")]


async def test_the_schema_names_each_operation_once_and_its_errors(served: Served) -> None:
    async with served.http() as http:
        schema = (await http.get("/openapi.json")).json()
    assert set(schema["paths"]) == {
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/uploads",
        "/v1/uploads/{upload_id}/parts",
        "/v1/uploads/{upload_id}/complete",
        "/v1/uploads/{upload_id}/cancel",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/cancel",
        "/v1/batches/{batch_id}/receipt",
        "/v1/batches/estimate",
        "/v1/spend",
        "/v1/models",
        "/v1/webhook_endpoints",
        "/v1/webhook_endpoints/{endpoint_id}",
        "/v1/webhook_endpoints/{endpoint_id}/rotate_secret",
        "/v1/webhook_endpoints/{endpoint_id}/test",
        "/v1/webhook_endpoints/{endpoint_id}/deliveries",
        "/v1/webhook_event_types",
        "/metrics",
        "/health/liveliness",
        "/health/readiness",
        "/webhooks/openai",
    }
    responses = schema["paths"]["/v1/batches"]["post"]["responses"]
    assert set(responses) == {"200", "4XX", "5XX"}
    assert responses["4XX"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorEnvelope")
    for path in ("/v1/files", "/v1/uploads/{upload_id}/parts"):
        assert "multipart/form-data" in schema["paths"][path]["post"]["requestBody"]["content"]
