"""What a store over a network does beyond the contract: it breaks, it is shared, it is not there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from overnight.domain.errors import BucketMissing, ObjectNotFound, StorageRefused, StorageUnavailable
from overnight.storage.protocol import Storage
from tests.emulators.bucket import Bucket
from tests.emulators.proxy import Cut, Proxy, proxy_to
from tests.overnight.storage.streams import (
    MIB,
    ProducerBroke,
    breaks_after,
    keys,
    pattern,
    put,
    read,
    stream,
)

SERVERS = ("s3", "gcs", "azure_blob")
PART = 5 * MIB
"""What S3 takes for a part at least, but for the last."""

ALWAYS = 1_000


@pytest.fixture(params=SERVERS)
def bucket(request: pytest.FixtureRequest) -> Bucket:
    made: Bucket = request.getfixturevalue(request.param).new_bucket()
    return made


@pytest.fixture
async def storage(bucket: Bucket) -> AsyncIterator[Storage]:
    opened = bucket.storage(part_bytes=PART)
    yield opened
    await opened.close()


@pytest.fixture
async def network(bucket: Bucket) -> AsyncIterator[Proxy]:
    async with proxy_to(bucket.port) as proxy:
        yield proxy


@pytest.fixture
async def over_network(bucket: Bucket, network: Proxy) -> AsyncIterator[Storage]:
    """The same store as `storage`, reached through `network`."""
    opened = bucket.storage(port=network.port, part_bytes=PART)
    yield opened
    await opened.close()


def assert_nothing_is_left(bucket: Bucket) -> None:
    assert bucket.names() == []
    if bucket.can_be_told_to_give_up:
        assert bucket.unfinished() == 0


async def gather_from(reader: AsyncIterator[bytes], blocks: list[bytes]) -> None:
    blocks.extend([block async for block in reader])


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1])
async def test_objects_around_the_size_of_parts_are_whole(
    storage: Storage, bucket: Bucket, size: int
) -> None:
    content = pattern(size)
    pieces = (content[at : at + 700_001] for at in range(0, size, 700_001))

    stored = await storage.put("files/a", stream(pieces))

    assert stored.size == size
    assert await storage.size("files/a") == size
    assert await read(storage, "files/a") == content
    assert bucket.unfinished() == 0


async def test_a_small_put_is_one_request(over_network: Storage, network: Proxy) -> None:
    await put(over_network, "work/b/part-1", b"x" * 4_000)

    assert network.requests == 1


async def test_a_large_put_is_a_request_for_each_part_and_two_at_most(
    over_network: Storage, network: Proxy
) -> None:
    await put(over_network, "files/a", pattern(3 * PART))

    assert network.requests <= 3 + 2


async def test_a_put_whose_content_breaks_leaves_no_upload(storage: Storage, bucket: Bucket) -> None:
    with pytest.raises(ProducerBroke):
        await storage.put("files/a", breaks_after(b"x" * 3 * PART))

    assert_nothing_is_left(bucket)


async def test_a_cancelled_put_leaves_no_upload(storage: Storage, bucket: Bucket) -> None:
    begun = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 2 * PART
        yield b"x"
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(storage.put("files/a", content()))
    await begun.wait()
    if bucket.can_be_told_to_give_up:
        assert bucket.unfinished() == 1
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting

    assert_nothing_is_left(bucket)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_read_goes_on_where_its_connection_broke(
    over_network: Storage, storage: Storage, network: Proxy, times: int
) -> None:
    content = pattern(3 * PART)
    await put(storage, "files/a", content)
    network.cut = Cut(after_received=2 * MIB, times=times)

    assert await read(over_network, "files/a") == content
    assert network.cuts == times


async def test_a_range_goes_on_where_its_connection_broke(
    over_network: Storage, storage: Storage, network: Proxy
) -> None:
    content = pattern(3 * PART)
    await put(storage, "files/a", content)
    network.cut = Cut(after_received=2 * MIB)

    assert await read(over_network, "files/a", start=MIB + 3, end=2 * PART) == content[MIB + 3 : 2 * PART]
    assert network.cuts == 1


async def test_a_read_gets_there_as_long_as_each_connection_brings_something(
    over_network: Storage, storage: Storage, bucket: Bucket, network: Proxy
) -> None:
    content = pattern(2 * MIB + 2 * bucket.read_at_once)
    await put(storage, "files/a", content)
    network.cut = Cut(after_received=300_000 + bucket.read_at_once, times=ALWAYS)

    assert await read(over_network, "files/a") == content
    assert network.cuts > 1


async def test_a_network_that_lets_nothing_through_is_a_store_that_is_unavailable(
    over_network: Storage, storage: Storage, network: Proxy
) -> None:
    await put(storage, "files/a", b"x")
    network.cut = Cut(after_received=0, times=ALWAYS)

    with pytest.raises(StorageUnavailable):
        await read(over_network, "files/a")


async def test_a_read_does_not_go_on_in_another_object(
    over_network: Storage, storage: Storage, network: Proxy
) -> None:
    size = 4 * PART  # More than what can be under way between the two ends.
    await put(storage, "files/a", b"o" * size)
    network.cut = Cut(after_received=size - PART)
    reader = over_network.get("files/a")
    seen = await anext(reader)
    await put(storage, "files/a", b"n" * size)

    blocks = [seen]
    with pytest.raises(StorageUnavailable, match="replaced"):
        await gather_from(reader, blocks)

    assert set(b"".join(blocks)) == set(b"o")


async def test_a_put_goes_through_a_connection_that_breaks(
    over_network: Storage, storage: Storage, network: Proxy
) -> None:
    content = pattern(3 * PART)
    network.cut = Cut(after_sent=2 * MIB)

    await put(over_network, "files/a", content)

    assert network.cuts == 1
    assert await read(storage, "files/a") == content


async def test_a_small_put_goes_through_a_connection_that_breaks(
    over_network: Storage, storage: Storage, network: Proxy
) -> None:
    content = pattern(MIB)
    network.cut = Cut(after_sent=300_000)

    await put(over_network, "files/a", content)

    assert network.cuts == 1
    assert await read(storage, "files/a") == content


async def test_a_put_that_does_not_get_through_leaves_nothing(
    over_network: Storage, bucket: Bucket, network: Proxy
) -> None:
    network.cut = Cut(after_sent=200_000, times=ALWAYS)

    with pytest.raises(StorageUnavailable):
        await put(over_network, "files/a", pattern(3 * PART))

    assert_nothing_is_left(bucket)


async def test_a_put_whose_last_answer_is_lost_is_there(
    over_network: Storage, storage: Storage, bucket: Bucket, network: Proxy
) -> None:
    content = pattern(3 * PART)
    network.cut = Cut(instead_of_answer_to=bucket.last_request_of("files/a", len(content)))

    stored = await put(over_network, "files/a", content)

    assert network.cuts == 1
    assert stored.size == len(content)
    assert await read(storage, "files/a") == content


async def test_nobody_who_answers_is_a_store_that_is_unavailable(
    bucket: Bucket, unused_tcp_port: int
) -> None:
    storage = bucket.storage(port=unused_tcp_port)
    with pytest.raises(StorageUnavailable, match="can't be reached") as caught:
        await storage.check()
    assert not isinstance(caught.value, StorageRefused)
    await storage.close()


OPERATIONS: dict[str, Callable[[Storage], Awaitable[object]]] = {
    "check": lambda storage: storage.check(),
    "put": lambda storage: put(storage, "files/a", b"x"),
    "put in parts": lambda storage: put(storage, "files/a", b"x" * 3 * PART),
    "get": lambda storage: read(storage, "files/a"),
    "get nothing": lambda storage: read(storage, "files/a", start=3, end=3),
    "size": lambda storage: storage.size("files/a"),
    "list": keys,
    "delete": lambda storage: storage.delete("files/a"),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
async def test_a_bucket_that_is_missing_is_named(
    bucket: Bucket, operation: Callable[[Storage], Awaitable[object]]
) -> None:
    storage = bucket.storage(name="nobody-has-made-it", part_bytes=PART)
    with pytest.raises(BucketMissing, match=r"there is no .*'nobody-has-made-it'"):
        await operation(storage)
    await storage.close()


async def test_stores_with_prefixes_share_a_bucket_and_see_nothing_of_each_other(bucket: Bucket) -> None:
    one, other = bucket.storage(prefix="one"), bucket.storage(prefix="/two/deep/")
    await put(one, "files/a", b"1")
    await put(other, "files/a", b"2")

    assert bucket.names() == ["one/files/a", "two/deep/files/a"]
    assert (await read(one, "files/a"), await read(other, "files/a")) == (b"1", b"2")
    assert (await keys(one), await keys(other)) == (["files/a"], ["files/a"])
    await one.delete("files/a")
    with pytest.raises(ObjectNotFound):
        await one.size("files/a")
    assert bucket.names() == ["two/deep/files/a"]
    await one.close()
    await other.close()


async def test_what_others_wrote_is_listed_and_read(bucket: Bucket) -> None:
    storage = bucket.storage(prefix="out")
    names = ["out/prediction-2026/000.jsonl", "out/prediction-2026/with space & ünïcode?#.jsonl"]
    for name in names:
        bucket.write(name, name.encode())
    bucket.write("outside", b"not ours")

    found = [each async for each in storage.list("prediction-")]

    assert [f"out/{each.key}" for each in found] == names
    assert [each.size for each in found] == [len(name.encode()) for name in names]
    for each in found:
        assert await read(storage, each.key) == f"out/{each.key}".encode()
    await storage.close()
