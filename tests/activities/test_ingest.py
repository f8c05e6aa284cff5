"""Ingest: what is wrong with an input is in the manifest; the plans of a good one lead back to every line."""

import errno
import json
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payloads import Manifest, Record
from overnight.config import Settings
from overnight.domain.batch import BatchChange, BatchError, BatchOrder
from overnight.domain.deployment import BatchLane
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import StorageFull, StorageUnavailable
from overnight.domain.file import BatchFileKind
from overnight.domain.ids import output_file_id
from overnight.domain.layout import file_key, work_prefix
from overnight.domain.plan import MAX_CHUNK_LINES, MAX_SHARD_LINES
from overnight.domain.status import BatchStatus
from overnight.jsonl import Inspector
from tests.activities.house import (
    BATCH,
    INPUT,
    NOW,
    House,
    bookkeeping,
    deployment,
    line,
    lines,
    order,
    settings,
)


async def listed_problems(house: House, manifest: Manifest) -> list[tuple[str, int | None]]:
    """Have the batch fail as its workflow does, and return what it lists then."""
    books = bookkeeping(house)
    change = BatchChange(revision=1, status=BatchStatus.FAILED, errors_total=manifest.problems)
    await house.catalog.add_batch(order())
    record = Record(batch_id=BATCH, change=change, problems=True)
    await ActivityEnvironment().run(books.record, record)
    batch = await house.catalog.batch(BATCH)
    assert batch.errors_total == manifest.problems
    return [(error.code, error.line) for error in batch.errors]


async def test_the_plans_of_all_shards_lead_back_to_every_line_once_and_in_order(house: House) -> None:
    content = lines(MAX_SHARD_LINES + MAX_CHUNK_LINES + 7)
    await house.upload(content)
    manifest = await house.ingest()
    found: list[bytes] = []
    for shard, chunks in enumerate(manifest.shards):
        plan = await house.plan(shard)
        assert len(plan.chunks) == chunks
        for chunk in plan.chunks:
            part = await house.content(file_key(INPUT), start=chunk.offset, end=chunk.offset + chunk.length)
            assert (chunk.first_index, chunk.lines) == (len(found), len(part.splitlines()))
            found += part.splitlines()
    # A megabyte's difference is nothing to read.
    same = found == content.splitlines()
    assert same
    assert (manifest.lines, len(manifest.shards), manifest.problems) == (len(found), 2, 0)


async def test_the_manifest_names_model_provider_and_deployments(house: House) -> None:
    await house.upload(lines(3))
    both = settings(deployment("dep_1"), deployment("dep_2"), deployment("dep_3", model_name="other"))
    manifest = await house.ingest(with_=both)
    assert (manifest.model, manifest.provider) == ("m", "hosted_vllm")
    assert [route.deployment for route in manifest.routes] == ["dep_1", "dep_2"]


async def test_reading_it_again_finds_the_same(house: House) -> None:
    await house.upload(lines(2_500))
    first = await house.ingest()
    kept = {key: await house.content(key) for key in await house.keys(work_prefix(BATCH))}
    assert await house.ingest() == first
    assert {key: await house.content(key) for key in await house.keys(work_prefix(BATCH))} == kept


async def test_a_file_that_nobody_knows_is_one_problem(house: House) -> None:
    manifest = await house.ingest()
    assert manifest == Manifest(problems=1)
    assert await listed_problems(house, manifest) == [("invalid_request", None)]


async def test_a_file_whose_bytes_are_gone_is_one_problem(house: House) -> None:
    await house.add_row(INPUT)
    assert await house.ingest() == Manifest(problems=1)


async def test_a_file_of_another_project_is_one_problem(house: House) -> None:
    await house.upload(lines(1))
    assert await house.ingest(order(project="theirs")) == Manifest(problems=1)


async def test_an_input_deleted_after_the_batch_was_made_is_read_all_the_same(house: House) -> None:
    await house.upload(lines(5))
    await house.catalog.delete_file(INPUT, project="default", now=NOW + timedelta(seconds=1))
    assert (await house.ingest()).lines == 5


async def test_an_input_deleted_before_the_batch_was_made_is_one_problem(house: House) -> None:
    await house.upload(lines(5))
    await house.catalog.delete_file(INPUT, project="default", now=NOW - timedelta(seconds=1))
    assert await house.ingest() == Manifest(problems=1)


async def test_every_bad_line_is_a_problem_that_the_batch_lists_and_nothing_is_planned(house: House) -> None:
    await house.upload(line(0) + b"{oops\n" + line(1) + line(1) + line(2, model="unheard-of"))
    manifest = await house.ingest()
    assert manifest == Manifest(problems=3)
    assert [number for _, number in await listed_problems(house, manifest)] == [2, 4, 5]
    assert await house.keys(work_prefix(BATCH)) == []


async def test_the_problems_are_a_file_of_the_clients_however_often_it_is_read(house: House) -> None:
    await house.upload(b"{oops\n" * 20)
    for _ in range(2):
        await house.ingest()
    (file,) = [file for file in await house.files() if file.id != INPUT]
    assert file.id == output_file_id(BATCH, BatchFileKind.PROBLEMS)
    content = await house.content(file.key)
    assert file.bytes == len(content)
    assert content.count(b"\n") == 20


async def test_a_body_without_a_model_is_for_the_default_one(house: House) -> None:
    await house.upload(line(0).replace(b'"model": "m", ', b""))
    manifest = await house.ingest(with_=settings(default_model="m"))
    assert (manifest.model, len(manifest.routes), manifest.problems) == ("m", 1, 0)


async def test_a_body_without_a_model_is_a_problem_when_there_is_no_default(house: House) -> None:
    await house.upload(line(0).replace(b'"model": "m", ', b""))
    assert (await house.ingest()).problems == 1


async def test_lines_that_all_name_another_model_have_no_default(house: House) -> None:
    await house.upload(lines(2))
    both = settings(deployment("dep_1"), deployment("dep_2", model_name="other"), default_model="other")
    assert (await house.ingest(with_=both)).default_model is None


async def test_a_disk_without_room_to_check_the_input_on_is_waited_for_and_the_batch_says_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.upload(lines(2))
    await house.catalog.add_batch(order())

    def full(_: Inspector, __: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Inspector, "feed", full)
        with pytest.raises(StorageFull, match="no room to check the input"):
            await house.ingest()
    waiting_on = (await house.catalog.batch(BATCH)).waiting_on
    assert waiting_on == "no room to check the input on the local disk: No space left on device"
    assert (await house.ingest()).lines == 2
    assert (await house.catalog.batch(BATCH)).waiting_on is None


async def test_a_scratch_folder_that_is_gone_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await house.upload(lines(2))
    await house.catalog.add_batch(order())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StorageUnavailable, match="local disk"):
        await house.ingest()
    assert "the local disk can't be used" in str((await house.catalog.batch(BATCH)).waiting_on)


AZURE = {"provider": "azure", "lane": BatchLane.NATIVE}
OPENAI = {"provider": "openai", "lane": BatchLane.NATIVE}


async def problems(house: House, placed: BatchOrder, with_: Settings) -> list[BatchError]:
    """What a batch that is refused says is wrong, all of it."""
    assert (await house.ingest(placed, with_=with_)).problems
    content = await house.content(file_key(output_file_id(BATCH, BatchFileKind.PROBLEMS)))
    return [BatchError(**json.loads(problem)) for problem in content.splitlines()]


class TestTheProviderItIsFor:
    BOTH = settings(deployment("dep_o", **OPENAI), deployment("dep_a", **AZURE))

    async def test_only_deployments_of_the_provider_that_the_batch_names_are_its_routes(
        self, house: House
    ) -> None:
        await house.upload(lines(1))
        manifest = await house.ingest(order(provider="azure"), with_=self.BOTH)
        assert [route.deployment for route in manifest.routes] == ["dep_a"]
        assert manifest.provider == "azure"

    async def test_a_batch_that_names_none_is_for_that_of_its_file(self, house: House) -> None:
        await house.upload(lines(1), provider="azure")
        assert [route.deployment for route in (await house.ingest(with_=self.BOTH)).routes] == ["dep_a"]

    async def test_what_the_batch_names_wins_over_its_file(self, house: House) -> None:
        await house.upload(lines(1), provider="azure")
        manifest = await house.ingest(order(provider="openai"), with_=self.BOTH)
        assert [route.deployment for route in manifest.routes] == ["dep_o"]

    async def test_a_model_that_the_provider_has_not_is_a_problem_that_says_what_is_missing(
        self, house: House
    ) -> None:
        await house.upload(lines(2))
        only_openai = settings(deployment("dep_o", **OPENAI))
        first, second = await problems(house, order(provider="azure"), only_openai)
        assert (first.code, first.param, first.line, second.line) == ("model_not_found", "body.model", 1, 2)
        assert "No deployment at azure serves the model 'm'" in first.message
        assert "AZURE_API_BASE" in first.message


class TestTheEndpointItIsFor:
    async def test_deployments_that_can_not_do_it_are_left_out_when_others_can(self, house: House) -> None:
        await house.upload(lines(2, url=Endpoint.EMBEDDINGS.value))
        three = settings(
            deployment("dep_a", **AZURE), deployment("dep_o", **OPENAI), deployment("dep_l", provider="azure")
        )
        manifest = await house.ingest(order(endpoint=Endpoint.EMBEDDINGS), with_=three)
        assert [route.deployment for route in manifest.routes] == ["dep_o", "dep_l"]
        assert manifest.provider == "openai"

    async def test_a_batch_that_no_deployment_can_do_is_refused_in_words(self, house: House) -> None:
        await house.upload(lines(2, url=Endpoint.EMBEDDINGS.value))
        azure = settings(deployment("dep_a", **AZURE), deployment("dep_b", model="b", **AZURE))
        (problem,) = await problems(house, order(endpoint=Endpoint.EMBEDDINGS), azure)
        assert (problem.code, problem.param, problem.line) == ("invalid_request", "endpoint", None)
        assert problem.message == (
            "No deployment of this model runs batches for /v1/embeddings: "
            "azure runs them for /v1/chat/completions, /v1/responses."
        )
        assert await house.keys(work_prefix(BATCH)) == []
