"""What lies where in the bucket, and that nothing else there is read or deleted."""

from collections import defaultdict
from collections.abc import AsyncIterator

import pytest

from overnight.providers.vertex_bucket import VertexBucket
from overnight.storage.memory import MemoryStorage
from tests.overnight.providers.desks import content_of, tag

HERE = "gs://rows/some/path/"


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def buckets(storage: MemoryStorage) -> dict[str, MemoryStorage]:
    return defaultdict(MemoryStorage, {"rows": storage})


@pytest.fixture
def bucket(buckets: dict[str, MemoryStorage]) -> VertexBucket:
    return VertexBucket(buckets.__getitem__, bucket="rows", prefix="some/path/")


async def put(storage: MemoryStorage, key: str, content: bytes = b"x") -> None:
    await storage.put(key, content_of(content)())


async def keys(storage: MemoryStorage) -> list[str]:
    return [found.key async for found in storage.list("")]


async def everything_in(bucket: VertexBucket, folder: str) -> list[bytes]:
    async def whole(blocks: AsyncIterator[bytes]) -> bytes:
        return b"".join([block async for block in blocks])

    return [await whole(blocks) async for blocks in bucket.results_in(folder)]


async def test_an_input_is_found_again_by_its_tag(bucket: VertexBucket) -> None:
    assert not await bucket.has_input(tag())
    address = await bucket.put(tag(), content_of(b"a\nb\n"))
    assert address == bucket.input_of(tag()) == HERE + tag().filename
    assert await bucket.has_input(tag())
    assert not await bucket.has_input(tag(2))


async def test_results_are_in_every_file_of_predictions_and_in_no_other(
    bucket: VertexBucket, storage: MemoryStorage
) -> None:
    folder = bucket.results_of(tag()) + "prediction-gemini-2026/"
    key = folder.removeprefix("gs://rows/")
    for name in ("predictions_00001.jsonl", "predictions.jsonl", "errors_00001.jsonl"):
        await put(storage, key + name, name.encode())
    for name in (
        "prediction.errors_stats-00000-of-00001",
        "incremental_predictions/predictions.jsonl",
    ):
        await put(storage, key + name)
    await put(storage, key.replace("gemini", "other") + "predictions.jsonl")
    assert sorted(await everything_in(bucket, folder)) == [
        b"errors_00001.jsonl",
        b"predictions.jsonl",
        b"predictions_00001.jsonl",
    ]


async def test_where_a_job_broke_off_what_was_exported_on_the_way_counts(
    bucket: VertexBucket, storage: MemoryStorage
) -> None:
    folder = bucket.results_of(tag()) + "prediction-gemini-2026/"
    await put(
        storage,
        folder.removeprefix("gs://rows/") + "incremental_predictions/predictions_00001.jsonl",
        b"half",
    )
    assert await everything_in(bucket, folder) == [b"half"]


async def test_what_is_left_of_a_shard_are_its_inputs_and_its_folders(
    bucket: VertexBucket, storage: MemoryStorage
) -> None:
    inputs = [await bucket.put(tag(number), content_of(b"x")) for number in (1, 2)]
    await bucket.put(tag(shard=1), content_of(b"x"))
    await bucket.put(tag(batch_id="batch_one_more"), content_of(b"x"))
    folder = bucket.results_of(tag(2))
    for name in ("a/predictions.jsonl", "b/predictions.jsonl", "errors"):
        await put(storage, folder.removeprefix("gs://rows/") + name)
    left = await bucket.left_of(tag())
    assert sorted(left) == sorted([*inputs, folder])
    for each in left:
        await bucket.delete(each)
    assert await keys(storage) == [
        f"some/path/{tag(shard=1).filename}",
        f"some/path/{tag(batch_id='batch_one_more').filename}",
    ]


async def test_deleting_what_is_gone_is_fine(bucket: VertexBucket) -> None:
    await bucket.delete(bucket.input_of(tag()))
    await bucket.delete(bucket.results_of(tag()))


async def test_a_job_s_results_are_read_and_deleted_where_it_was_told_to_write_them(
    bucket: VertexBucket, buckets: dict[str, MemoryStorage]
) -> None:
    """The configuration may name another bucket by the time a job ends."""
    before = VertexBucket(buckets.__getitem__, bucket="of-yesterday", prefix="")
    folder = before.results_of(tag()) + "prediction-gemini-2026/"
    key = folder.removeprefix("gs://of-yesterday/")
    await put(buckets["of-yesterday"], key + "predictions.jsonl", b"paid")
    assert await everything_in(bucket, folder) == [b"paid"]
    await bucket.delete(folder)
    assert await keys(buckets["of-yesterday"]) == []


@pytest.mark.parametrize(
    "address",
    [
        HERE,
        "gs://rows/some/",
        "gs://rows/kept",
        "gs://another/some/path/x",
        "gs://rows/x.shard-0000.job-1.results",
        "/etc/passwd",
        "",
    ],
)
async def test_nothing_without_a_tag_is_ours_to_delete_or_to_read(
    bucket: VertexBucket, storage: MemoryStorage, address: str
) -> None:
    await put(storage, "kept")
    await bucket.delete(address)
    assert await everything_in(bucket, address) == []
    assert await keys(storage) == ["kept"]
