"""Creating a batch: what is refused at once, and that one key makes one batch."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from overnight.catalog import Catalog
from overnight.domain.batch import BatchOrder
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.status import BatchStatus
from tests.api.creates import NOON, WANTED, create, settle
from tests.api.served import Served

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("change", "param", "code", "words"),
    [
        (
            {"endpoint": "/v1/x"},
            "endpoint",
            "invalid_value",
            "Invalid value: '/v1/x'. Supported values are: '/v1/",
        ),
        ({"endpoint": 7}, "endpoint", "invalid_type", "expected a string, but got an integer instead"),
        ({"completion_window": "1h"}, "completion_window", "invalid_value", "Supported values are: '24h'."),
        (
            {"metadata": {"tags": ["a"]}},
            "metadata.tags",
            "invalid_type",
            "expected a string, but got an array",
        ),
        ({"metadata": "x"}, "metadata", "invalid_type", "expected an object, but got a string"),
        (
            {"metadata": {str(n): "" for n in range(17)}},
            "metadata",
            "object_above_max_properties",
            "at most 16",
        ),
        ({"metadata": {"k" * 65: ""}}, "metadata", "string_above_max_length", "maximum length 64"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length", "maximum length 512"),
        ({"metadata": {"k": "\0"}}, "metadata.k", "invalid_value", "NUL"),
        ({"metadata": {"k": "\ud800"}}, "metadata.k", "invalid_value", "unicode"),
        ({"output_expires_after": 5}, "output_expires_after", "invalid_type", "an object"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
            "output_expires_after.seconds",
            "integer_below_min_value",
            "3600",
        ),
        (
            {"output_expires_after": {"anchor": "now", "seconds": 3600}},
            "output_expires_after.anchor",
            "invalid_value",
            "'created_at'",
        ),
        ({"input_file_id": ""}, "input_file_id", "string_below_min_length", "too short"),
        ({"idempotency_key": "k" * 256}, "idempotency_key", "string_above_max_length", "255"),
    ],
)
async def test_a_create_with_a_wrong_parameter_is_refused_at_once(
    served: Served, change: dict[str, Any], param: str, code: str, words: str
) -> None:
    async with served.http() as http:
        answer = await http.post("/v1/batches", content=json.dumps({**WANTED, **change}), headers=JSON)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert words in error["message"]
    assert served.runs.starts == 0


@pytest.mark.parametrize("missing", WANTED)
async def test_a_missing_parameter_is_named(served: Served, missing: str) -> None:
    async with served.http() as http:
        answer = await http.post("/v1/batches", json={k: v for k, v in WANTED.items() if k != missing})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": f"Missing required parameter: '{missing}'.",
        "type": "invalid_request_error",
        "param": missing,
        "code": "missing_required_parameter",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(served: Served, body: bytes) -> None:
    async with served.http() as http:
        answer = await http.post("/v1/batches", content=body, headers=JSON)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_body_of_another_type_is_told_which_one_is_wanted(served: Served) -> None:
    async with served.http() as http:
        answer = await http.post("/v1/batches", data={"endpoint": "/v1/embeddings"})
    assert answer.status_code == 400
    assert "application/json" in answer.json()["error"]["message"]


class TestIdempotency:
    async def test_the_same_key_and_parameters_are_the_same_batch(self, served: Served) -> None:
        first = await create(served, idempotency_key="night-1")
        await settle(served, first["id"], BatchStatus.IN_PROGRESS)
        again = await create(served, idempotency_key="night-1")
        assert again["id"] == first["id"]
        assert again["status"] == "in_progress"

    async def test_many_clients_at_once_get_the_same_batch(self, served: Served) -> None:
        batches = await asyncio.gather(*(create(served, idempotency_key="night-1") for _ in range(10)))
        async with served.sdk() as client:
            listed = [batch.id async for batch in client.batches.list()]
        assert listed == [batches[0]["id"]]
        assert len({batch["id"] for batch in batches}) == 1

    async def test_header_and_field_are_the_same_key(self, served: Served) -> None:
        async with served.http(headers={"Idempotency-Key": "night-1"}) as http:
            answer = await http.post("/v1/batches", json=WANTED)
        assert answer.json()["id"] == (await create(served, idempotency_key="night-1"))["id"]

    async def test_header_and_field_that_differ_are_refused(self, served: Served) -> None:
        async with served.http(headers={"Idempotency-Key": "a"}) as http:
            answer = await http.post("/v1/batches", json={**WANTED, "idempotency_key": "b"})
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "idempotency_key"

    async def test_other_parameters_are_a_conflict_that_is_not_worth_a_retry(self, served: Served) -> None:
        await create(served, idempotency_key="night-1", metadata={"a": "1", "b": "2"})
        async with served.http() as http:
            other = {**WANTED, "idempotency_key": "night-1", "metadata": {"a": "1"}}
            answer = await http.post("/v1/batches", json=other)
        assert answer.status_code == 409
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json()["error"]["param"] == "idempotency_key"

    async def test_the_order_of_metadata_makes_no_difference(self, served: Served) -> None:
        first = await create(served, idempotency_key="night-1", metadata={"a": "1", "b": "2"})
        again = await create(served, idempotency_key="night-1", metadata={"b": "2", "a": "1"})
        assert again["id"] == first["id"]

    async def test_a_workflow_without_a_row_still_knows_its_parameters(self, served: Served) -> None:
        batch = await create(served, idempotency_key="night-1")
        order = served.runs.started[batch["id"]]
        served.runs.started = {"batch_x": replace(order, batch_id="batch_x")}
        assert (await create(served, idempotency_key="night-1"))["id"] == batch["id"]
        assert served.runs.starts == 1

    async def test_a_batch_was_created_when_its_workflow_was_started_and_not_when_its_row_was_written(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def add_batch(_: Catalog, __: BatchOrder) -> None:
            raise CatalogUnavailable

        served.clock.now = NOON
        with monkeypatch.context() as catalog_down:
            catalog_down.setattr(Catalog, "add_batch", add_batch)
            first = await create(served, idempotency_key="night-1")
        served.clock.now = NOON + timedelta(hours=1)
        again = await create(served, idempotency_key="night-1")
        assert again["created_at"] == first["created_at"] == int(NOON.timestamp())
        assert (await served.catalog.batch(first["id"])).order == served.runs.started[first["id"]]

    async def test_a_mismatch_that_only_temporal_knows_of_is_a_conflict(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def add_batch(_: Catalog, __: BatchOrder) -> None:
            raise CatalogUnavailable

        with monkeypatch.context() as catalog_down:
            catalog_down.setattr(Catalog, "add_batch", add_batch)
            await create(served, idempotency_key="night-1")
        async with served.http() as http:
            other = {**WANTED, "idempotency_key": "night-1", "endpoint": "/v1/embeddings"}
            answer = await http.post("/v1/batches", json=other)
        assert answer.status_code == 409

    async def test_without_a_key_every_create_is_a_batch_of_its_own(self, served: Served) -> None:
        assert (await create(served))["id"] != (await create(served))["id"]


async def test_a_started_batch_is_answered_even_if_its_row_can_not_be_written(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add_batch(_: Catalog, __: BatchOrder) -> None:
        raise CatalogUnavailable

    monkeypatch.setattr(Catalog, "add_batch", add_batch)
    batch = await create(served, metadata={"a": "1"})
    assert batch["id"] in served.runs.started
    assert (batch["status"], batch["metadata"]) == ("validating", {"a": "1"})


async def test_a_batch_that_could_not_be_started_leaves_no_row(served: Served) -> None:
    served.runs.unreachable = True
    async with served.http() as http:
        answer = await http.post("/v1/batches", json=WANTED)
        listed = (await http.get("/v1/batches")).json()
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "server_error"
    assert listed["data"] == []
