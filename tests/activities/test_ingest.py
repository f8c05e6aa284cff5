"""Ingest: what is wrong with an input is in the manifest; the plans of a good one lead back to every line."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import Bookkeeping
from activities.files import PROBLEMS
from activities.payloads import Manifest, Record
from overnight.domain.batch import BatchChange
from overnight.domain.deployment import DeclaredPrice
from overnight.domain.ids import output_file_id
from overnight.domain.layout import file_key, work_prefix
from overnight.domain.plan import MAX_CHUNK_LINES, MAX_SHARD_LINES
from overnight.domain.status import BatchStatus
from tests.activities.house import BATCH, INPUT, NOW, House, deployment, line, lines, order, settings

CHEAP = DeclaredPrice(input=Decimal("0.1"), output=Decimal("0.2"))
DEAR = DeclaredPrice(input=Decimal(1), output=Decimal(2))


async def listed_problems(house: House, manifest: Manifest) -> list[tuple[str, int | None]]:
    """Have the batch fail as its workflow does, and return what it lists then."""
    books = Bookkeeping(catalog=house.catalog, storage=house.storage)
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
    assert manifest.deployments == ("dep_1", "dep_2")


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
    assert file.id == output_file_id(BATCH, PROBLEMS)
    content = await house.content(file.key)
    assert file.bytes == len(content)
    assert content.count(b"\n") == 20


async def test_a_body_without_a_model_is_for_the_default_one(house: House) -> None:
    await house.upload(line(0).replace(b'"model": "m", ', b""))
    manifest = await house.ingest(with_=settings(default_model="m"))
    assert (manifest.model, manifest.deployments, manifest.problems) == ("m", ("dep_1",), 0)


async def test_a_body_without_a_model_is_a_problem_when_there_is_no_default(house: House) -> None:
    await house.upload(line(0).replace(b'"model": "m", ', b""))
    assert (await house.ingest()).problems == 1


async def test_deployments_that_charge_the_same_make_a_quote(house: House) -> None:
    await house.upload(lines(1))
    one, two = deployment("dep_1", price=CHEAP), deployment("dep_2", price=replace(CHEAP))
    assert (await house.ingest(with_=settings(one, two))).price == CHEAP


async def test_deployments_that_charge_differently_make_none(house: House) -> None:
    await house.upload(lines(1))
    cheap, dear = deployment("dep_1", price=CHEAP), deployment("dep_2", price=DEAR)
    assert (await house.ingest(with_=settings(cheap, dear))).price is None
    assert (await house.ingest(with_=settings(cheap, deployment("dep_2")))).price is None
