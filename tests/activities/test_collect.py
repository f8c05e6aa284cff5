"""Collect: sealed shards become two files, the same two however often, and what a batch ran on goes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.collect import Collect
from activities.payloads import Collected, CollectOrder, SealedRef
from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange
from overnight.domain.errors import BatchOver, ObjectNotFound, StorageFull
from overnight.domain.file import BatchFileKind, FilePurpose
from overnight.domain.layout import part_key, receipt_key, sealed_key, work_prefix
from overnight.domain.status import BatchStatus
from overnight.storage.memory import MemoryStorage
from tests.activities.house import BATCH, House, Together, order


async def seal(house: House, shard: int, *, output: bytes = b"", error: bytes = b"") -> SealedRef:
    attempt = f"000{shard}-x"
    for kind, content in ((BatchFileKind.OUTPUT, output), (BatchFileKind.ERROR, error)):
        if content:
            await house.put(sealed_key(BATCH, shard, attempt=attempt, kind=kind), content)
    return SealedRef(attempt=attempt, output=bool(output), error=bool(error))


async def collect(house: House, *shards: SealedRef, expires_after: timedelta | None = None) -> Collected:
    order = CollectOrder(batch_id=BATCH, project="default", shards=shards, output_expires_after=expires_after)
    step = Collect(catalog=house.catalog, storage=house.storage)
    return await ActivityEnvironment().run(step.collect, order)


async def content_of(house: House, file_id: str | None) -> bytes:
    (file,) = [file for file in await house.files() if file.id == file_id]
    content = await house.content(file.key)
    assert (file.bytes, file.purpose) == (len(content), FilePurpose.BATCH_OUTPUT)
    return content


async def test_shards_follow_each_other_in_input_order(house: House) -> None:
    shards = [
        await seal(house, 0, output=b"0\n1\n", error=b"2\n"),
        await seal(house, 1, error=b"3\n"),
        await seal(house, 2, output=b"4\n"),
    ]
    collected = await collect(house, *shards)
    assert await content_of(house, collected.output_file_id) == b"0\n1\n4\n"
    assert await content_of(house, collected.error_file_id) == b"2\n3\n"


async def test_an_attempt_that_was_not_chosen_is_left_out(house: House) -> None:
    await house.put(sealed_key(BATCH, 0, attempt="0009-late", kind=BatchFileKind.OUTPUT), b"0\n0\n")
    collected = await collect(house, await seal(house, 0, output=b"0\n"))
    assert await content_of(house, collected.output_file_id) == b"0\n"


async def test_collecting_twice_makes_no_second_file(house: House) -> None:
    shard = await seal(house, 0, output=b"0\n", error=b"1\n")
    assert await collect(house, shard) == await collect(house, shard)
    assert len(await house.files()) == 2


async def test_collecting_again_after_more_was_answered_says_how_large_the_file_is_now(house: House) -> None:
    await collect(house, await seal(house, 0, output=b"0\n", error=b"1\n"))
    collected = await collect(house, await seal(house, 0, output=b"0\n1 after all\n"))
    assert await content_of(house, collected.output_file_id) == b"0\n1 after all\n"


async def test_a_store_without_room_for_the_files_is_waited_for_and_the_batch_says_so(
    catalog: Catalog,
) -> None:
    house = House(catalog, MemoryStorage(capacity=3))
    await house.catalog.add_batch(order())
    shard = await seal(house, 0, output=b"0\n")
    with pytest.raises(StorageFull):
        await collect(house, shard)
    assert (await house.catalog.batch(BATCH)).waiting_on == "no room left in memory"
    roomy = House(catalog, MemoryStorage())
    await collect(roomy, await seal(roomy, 0, output=b"0\n"))
    assert (await house.catalog.batch(BATCH)).waiting_on is None


async def test_an_output_with_nothing_in_it_is_no_file(house: House) -> None:
    collected = await collect(house, await seal(house, 0, error=b"0\n"))
    assert collected.output_file_id is None
    assert [file.id for file in await house.files()] == [collected.error_file_id]


async def test_the_files_live_as_long_as_the_client_asked_for(house: House) -> None:
    await collect(house, await seal(house, 0, output=b"0\n"), expires_after=timedelta(hours=2))
    (file,) = await house.files()
    assert file.expires_at is not None
    assert file.expires_at - file.created_at == timedelta(hours=2)


async def charged(house: House, shard: int, *lines: bytes) -> SealedRef:
    attempt = f"000{shard}-y"
    await house.put(receipt_key(BATCH, shard, attempt=attempt, charged=True), b"".join(lines))
    return replace(await seal(house, shard, output=b"".join(lines)), charged_by=attempt)


async def test_the_receipts_of_all_shards_become_one_file_that_is_kept_for_good(house: House) -> None:
    shards = [await charged(house, 0, b"0\n", b"1\n"), await charged(house, 1, b"2\n")]
    collected = await collect(house, *shards, expires_after=timedelta(hours=2))
    assert await content_of(house, collected.receipt_file_id) == b"0\n1\n2\n"
    lifetimes = {file.id: file.expires_at for file in await house.files()}
    assert lifetimes[collected.receipt_file_id or ""] is None
    assert lifetimes[collected.output_file_id or ""] is not None
    assert await collect(house, *shards) == collected
    assert len(await house.files()) == 2


async def test_there_is_no_receipt_where_an_earlier_version_has_run_a_shard(house: House) -> None:
    collected = await collect(house, await charged(house, 0, b"0\n"), await seal(house, 1, output=b"1\n"))
    assert collected.receipt_file_id is None
    assert await content_of(house, collected.output_file_id) == b"0\n1\n"


async def test_tidying_removes_what_this_batch_ran_on_and_nothing_else(house: House) -> None:
    collected = await collect(house, await seal(house, 0, output=b"0\n"))
    other = f"{work_prefix('batch_11')}shard-0000/plan.json"
    await house.put(other, b"{}")
    step = Collect(catalog=house.catalog, storage=house.storage)
    for _ in range(2):
        await ActivityEnvironment().run(step.tidy, BATCH)
    assert await house.keys("work/") == [other]
    assert await content_of(house, collected.output_file_id) == b"0\n"


async def test_tidying_removes_several_objects_at_once(catalog: Catalog) -> None:
    house = House(catalog, Together())
    for part in range(8):
        await house.put(part_key(BATCH, 0, 0, attempt="a", part=part), b"part")
    await ActivityEnvironment().run(Collect(catalog=catalog, storage=house.storage).tidy, BATCH)
    assert await house.keys("work/") == []


async def test_a_batch_that_was_reset_after_its_end_is_given_up_and_its_files_stay(house: House) -> None:
    await house.catalog.add_batch(order())
    shard = await seal(house, 0, output=b"0\n")
    collected = await collect(house, shard)
    await house.catalog.record(BATCH, BatchChange(revision=1, status=BatchStatus.COMPLETED))
    step = Collect(catalog=house.catalog, storage=house.storage)
    await ActivityEnvironment().run(step.tidy, BATCH)
    with pytest.raises(BatchOver):
        await collect(house, shard)
    assert await content_of(house, collected.output_file_id) == b"0\n"


async def test_a_shard_that_is_missing_while_the_batch_runs_is_not_the_end(house: House) -> None:
    await house.catalog.add_batch(order())
    with pytest.raises(ObjectNotFound):
        await collect(house, SealedRef(attempt="0001-x", output=True, error=False))
