"""A batch as it is shown: OpenAI's keys, and what Overnight knows beside them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import openai
import pytest

from overnight.config import Settings
from overnight.domain.batch import BatchError, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.file import BatchFileKind
from overnight.domain.ids import output_file_id
from overnight.domain.job import BatchJob
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage
from tests.api.creates import NOON, WANTED, create, settle
from tests.api.served import Served


async def test_a_new_batch_has_every_key_of_openais_and_one_of_ours(served: Served) -> None:
    served.clock.now = NOON
    batch = await create(served, metadata={"night": "1"})
    assert set(batch) == set(openai.types.Batch.model_fields) | {"overnight"}
    known = {key: value for key, value in batch.items() if value is not None}
    assert known == {
        "id": batch["id"],
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-abc123",
        "completion_window": "24h",
        "status": "validating",
        "created_at": int(NOON.timestamp()),
        "expires_at": int(NOON.timestamp()) + 86_400,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": {"night": "1"},
        "overnight": {
            "provider": None,
            "jobs": None,
            "waiting_on": None,
            "errors_total": 0,
            "errors_file_id": None,
            "warnings": [],
            "cost_usd": None,
            "cost": None,
            "receipt_file_id": None,
            "webhook": None,
        },
    }


async def test_the_workflow_gets_the_whole_order(served: Served) -> None:
    expiry = {"anchor": "created_at", "seconds": 3_600}
    async with served.http(headers={"x-request-id": "trace-7"}) as http:
        answer = await http.post("/v1/batches", json={**WANTED, "output_expires_after": expiry})
    order = served.runs.started[answer.json()["id"]]
    assert order.endpoint is Endpoint.CHAT_COMPLETIONS
    assert (order.project, order.input_file_id, order.window) == (
        "default",
        "file-abc123",
        timedelta(hours=24),
    )
    assert order.output_expires_after == timedelta(hours=1)
    assert order.request_id == "trace-7"


async def test_the_sdk_creates_reads_lists_and_cancels(served: Served) -> None:
    async with served.sdk() as client:
        batch = await client.batches.create(
            input_file_id="file-1",
            endpoint="/v1/embeddings",
            completion_window="24h",
            extra_body={"custom_llm_provider": "openai"},
        )
        assert (await client.batches.retrieve(batch.id)).status == "validating"
        assert [each.id async for each in client.batches.list()] == [batch.id]
        cancelled = await client.batches.cancel(batch.id)
    assert cancelled.status == "cancelling"
    assert cancelled.cancelling_at is not None


async def test_a_finished_batch_shows_all_that_is_known_of_it(served: Served) -> None:
    batch_id = (await create(served))["id"]
    later = [NOON + timedelta(minutes=minute) for minute in range(3)]
    await settle(
        served,
        batch_id,
        BatchStatus.COMPLETED,
        stamps=Stamps(in_progress_at=later[0], finalizing_at=later[1], completed_at=later[2]),
        counts=Counts(3, 2, 1),
        usage=Usage(10, 4, 20, 5),
        model="smol-2025",
        cost=Decimal("0.000001230"),
        output_file_id="file-out",
        error_file_id="file-err",
    )
    async with served.sdk() as client:
        batch = await client.batches.retrieve(batch_id)
    assert (batch.status, batch.model) == ("completed", "smol-2025")
    stamps = (batch.in_progress_at, batch.finalizing_at, batch.completed_at)
    assert stamps == tuple(int(moment.timestamp()) for moment in later)
    assert (batch.output_file_id, batch.error_file_id) == ("file-out", "file-err")
    assert batch.request_counts is not None
    assert batch.request_counts.model_dump() == {"total": 3, "completed": 2, "failed": 1}
    assert batch.usage is not None
    assert batch.usage.model_dump() == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 30,
    }
    assert batch.model_extra is not None
    assert batch.model_extra["overnight"]["cost_usd"] == "0.00000123"


async def test_a_failed_batch_lists_what_was_wrong(served: Served) -> None:
    batch_id = (await create(served))["id"]
    error = BatchError(code="invalid_json_line", message="This line is not parseable as valid JSON.", line=2)
    await settle(served, batch_id, BatchStatus.FAILED, errors=(error,), errors_total=40)
    async with served.http() as http:
        batch = (await http.get(f"/v1/batches/{batch_id}")).json()
    assert batch["errors"] == {
        "object": "list",
        "data": [
            {
                "code": "invalid_json_line",
                "message": "This line is not parseable as valid JSON.",
                "param": None,
                "line": 2,
            }
        ],
    }
    assert batch["overnight"]["errors_total"] == 40
    assert batch["overnight"]["errors_file_id"] == output_file_id(batch_id, BatchFileKind.PROBLEMS)


async def test_a_failed_batch_that_lists_all_of_its_errors_names_no_file_of_them(served: Served) -> None:
    batch_id = (await create(served))["id"]
    error = BatchError(code="empty_file", message="The input file is empty: it holds no request.")
    await settle(served, batch_id, BatchStatus.FAILED, errors=(error,), errors_total=1)
    async with served.http() as http:
        batch = (await http.get(f"/v1/batches/{batch_id}")).json()
    assert batch["overnight"]["errors_file_id"] is None


async def test_counts_and_the_reason_for_waiting_move_while_it_runs(served: Served) -> None:
    batch_id = (await create(served))["id"]
    await settle(served, batch_id, BatchStatus.IN_PROGRESS, counts=Counts(total=9))
    await served.catalog.report_progress(
        batch_id,
        shard=1,
        chunk=1,
        attempt="a",
        counts=Counts(completed=4, failed=1),
        waiting_on="smol is down",
    )
    async with served.http() as http:
        batch = (await http.get(f"/v1/batches/{batch_id}")).json()
    assert batch["request_counts"] == {"total": 9, "completed": 4, "failed": 1}
    assert batch["overnight"]["waiting_on"] == "smol is down"


async def test_a_batch_shows_the_jobs_that_its_providers_run_and_what_went_wrong(served: Served) -> None:
    batch_id = (await create(served))["id"]
    for shard in (0, 1):
        await served.catalog.note_job(job_of(batch_id, shard), now=NOON)
    await settle(
        served, batch_id, BatchStatus.IN_PROGRESS, deployments=("dep_1",), warnings=("dep_2 refused its key",)
    )
    async with served.sdk() as client:
        batch = await client.batches.retrieve(batch_id)
        (listed,) = [each async for each in client.batches.list()]
    details = (batch.model_extra or {})["overnight"]
    assert details["provider"] == "openai"
    assert details["warnings"] == ["dep_2 refused its key"]
    assert details["jobs"] == [
        {"provider": "openai", "deployment": "dep_1", "id": f"theirs_{shard}", "status": "in_progress"}
        for shard in (0, 1)
    ]
    # A list would have to look for every batch in it.
    assert (listed.model_extra or {})["overnight"] == {**details, "jobs": None}


def job_of(batch_id: str, shard: int) -> BatchJob:
    return BatchJob(
        id=f"theirs_{shard}",
        provider="openai",
        deployment="dep_1",
        batch_id=batch_id,
        shard=shard,
        number=1,
        workflow_id=f"{batch_id}/shard-{shard:04d}",
        status=BatchStatus.IN_PROGRESS,
    )


class TestDeploymentGone:
    """The deployments dep_1 to dep_3 are in the configuration, and one is in the environment."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        there = replace(settings.deployments[0], id="dep_environment")
        first, *others = settings.deployments
        named = replace(first, other_ids=("dep_before",))
        return replace(settings, deployments=(named, *others), from_environment=(there,))

    async def run_on(self, served: Served, *deployments: str) -> str:
        batch_id: str = (await create(served))["id"]
        await settle(
            served, batch_id, BatchStatus.IN_PROGRESS, model="smol", deployments=deployments, counts=Counts(9)
        )
        return batch_id

    async def waiting_on(self, served: Served, batch_id: str) -> str | None:
        async with served.http() as http:
            batch = (await http.get(f"/v1/batches/{batch_id}")).json()
            (listed,) = (await http.get("/v1/batches")).json()["data"]
        assert listed == batch
        waiting_on: str | None = batch["overnight"]["waiting_on"]
        return waiting_on

    async def test_a_batch_that_waits_for_a_deployment_that_was_taken_out_says_so(
        self, served: Served
    ) -> None:
        batch_id = await self.run_on(served, "dep_1", "dep_old")
        said = str(await self.waiting_on(served, batch_id))
        assert "no deployment dep_old of model 'smol' (any more)" in said

    async def test_a_batch_whose_deployments_are_all_there_does_not_wait_for_them(
        self, served: Served
    ) -> None:
        assert await self.waiting_on(served, await self.run_on(served, "dep_1", "dep_3")) is None

    async def test_a_batch_that_knows_a_deployment_by_another_id_does_not_wait_for_it(
        self, served: Served
    ) -> None:
        assert await self.waiting_on(served, await self.run_on(served, "dep_before")) is None

    async def test_a_batch_of_the_environments_deployment_does_not_wait_for_it(self, served: Served) -> None:
        batch_id = await self.run_on(served, "dep_environment")
        assert await self.waiting_on(served, batch_id) is None

    async def test_a_batch_that_no_longer_runs_waits_for_nothing(self, served: Served) -> None:
        batch_id = await self.run_on(served, "dep_old")
        await served.catalog.request_cancel(batch_id, at=NOON)
        assert await self.waiting_on(served, batch_id) is None


async def test_batches_are_listed_newest_first_and_page_by_page(served: Served) -> None:
    ids = [(await create(served))["id"] for _ in range(5)][::-1]
    async with served.sdk() as client, served.http() as http:
        assert [batch.id async for batch in client.batches.list(limit=2)] == ids
        page = (await http.get(f"/v1/batches?limit=2&after={ids[0]}")).json()
    assert [batch["id"] for batch in page["data"]] == ids[1:3]
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", *ids[1:3], True)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=batch_nope"])
async def test_a_list_that_can_not_be_is_refused(served: Served, query: str) -> None:
    async with served.http() as http:
        answer = await http.get(f"/v1/batches?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]


async def test_an_unknown_batch_is_named(served: Served) -> None:
    async with served.http() as http:
        answers = [await http.get("/v1/batches/batch_nope"), await http.post("/v1/batches/batch_nope/cancel")]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["error"] == {
            "message": "No batch found with id 'batch_nope'.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
