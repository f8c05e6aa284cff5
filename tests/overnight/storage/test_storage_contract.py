"""What every Storage must do. A new backend adds itself to `storage` and passes all of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from overnight.domain.errors import ObjectNotFound, StorageError
from overnight.storage.abreast import abreast
from overnight.storage.local import LocalStorage
from overnight.storage.memory import MemoryStorage
from overnight.storage.opening import BucketStorage
from overnight.storage.protocol import Storage, StoredObject
from tests.overnight.storage.streams import MIB, ProducerBroke, breaks_after, keys, put, read

CLOCK_TICK = timedelta(seconds=1)
"""File systems, and servers elsewhere, tell the time a little differently."""

BUCKETS = ("s3", "gcs", "azure_blob")
"""Fixtures that run a server with buckets."""


@pytest.fixture(params=("local", "memory", *BUCKETS))
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    match request.param:
        case "local":
            yield LocalStorage(tmp_path / "data")
        case "memory":
            yield MemoryStorage()
        case server:
            bucket: BucketStorage = request.getfixturevalue(server).new_bucket().storage()
            yield bucket
            await bucket.close()


async def test_what_was_put_is_read_back(storage: Storage) -> None:
    stored = await put(storage, "files/a", b"one, ", b"", b"two")
    assert stored == StoredObject("files/a", 8)
    assert await read(storage, "files/a") == b"one, two"


async def test_a_list_says_how_large_objects_are_and_when_they_were_written(storage: Storage) -> None:
    before = datetime.now(UTC) - CLOCK_TICK
    await put(storage, "files/a", b"one")
    (found,) = [found async for found in storage.list("files/")]
    assert (found.key, found.size) == ("files/a", 3)
    assert before <= found.written_at <= datetime.now(UTC) + CLOCK_TICK


async def test_a_large_object_is_streamed_in_bounded_blocks(storage: Storage) -> None:
    content = bytes(range(256)) * (5 * MIB // 256) + b"tail"
    await put(storage, "files/large", *(content[at : at + 70_000] for at in range(0, len(content), 70_000)))
    blocks = [block async for block in storage.get("files/large")]
    assert b"".join(blocks) == content
    assert max(map(len, blocks)) <= MIB


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, None),
        (3, None),
        (0, 4),
        (3, 7),
        (5, 5),
        (7, 3),
        (9, 10),
        (4, 99),
        (10, None),
        (99, None),
        (99, 120),
    ],
)
async def test_a_range_is_what_a_slice_would_be(storage: Storage, start: int, end: int | None) -> None:
    content = b"0123456789"
    await put(storage, "files/a", content)
    assert await read(storage, "files/a", start=start, end=end) == content[start:end]


async def test_a_range_may_span_blocks(storage: Storage) -> None:
    content = bytes(range(256)) * (3 * MIB // 256)
    await put(storage, "files/a", content)
    assert await read(storage, "files/a", start=MIB - 3, end=2 * MIB + 5) == content[MIB - 3 : 2 * MIB + 5]


async def test_an_empty_object_is_an_object(storage: Storage) -> None:
    await put(storage, "files/empty")
    assert await read(storage, "files/empty") == b""
    assert await storage.size("files/empty") == 0
    assert await keys(storage) == ["files/empty"]


async def test_size_is_in_bytes(storage: Storage) -> None:
    await put(storage, "files/a", "ä".encode())
    assert await storage.size("files/a") == 2


async def test_a_later_put_replaces_the_object(storage: Storage) -> None:
    await put(storage, "files/a", b"old and long")
    await put(storage, "files/a", b"new")
    assert await read(storage, "files/a") == b"new"
    assert await keys(storage) == ["files/a"]


async def test_a_reader_never_sees_old_and_new_mixed(storage: Storage) -> None:
    await put(storage, "files/a", b"o" * 3 * MIB)
    reader = storage.get("files/a")
    seen = await anext(reader)
    await put(storage, "files/a", b"n" * 4 * MIB)
    seen += b"".join([block async for block in reader])
    assert seen == b"o" * 3 * MIB
    assert await read(storage, "files/a") == b"n" * 4 * MIB


async def test_an_object_appears_only_when_it_is_whole(storage: Storage) -> None:
    go_on = asyncio.Event()
    begun = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 5 * MIB
        begun.set()
        await go_on.wait()
        yield b"y"

    putting = asyncio.create_task(storage.put("files/a", content()))
    await begun.wait()
    assert await keys(storage) == []
    with pytest.raises(ObjectNotFound):
        await storage.size("files/a")
    go_on.set()
    await putting
    assert await storage.size("files/a") == 5 * MIB + 1


async def test_a_producer_that_breaks_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(ProducerBroke):
        await storage.put("files/a", breaks_after(b"x" * 5 * MIB))
    assert await keys(storage) == []
    with pytest.raises(ObjectNotFound):
        await read(storage, "files/a")


async def test_a_producer_that_breaks_leaves_the_old_object(storage: Storage) -> None:
    await put(storage, "files/a", b"old")
    with pytest.raises(ProducerBroke):
        await storage.put("files/a", breaks_after(b"new"))
    assert await read(storage, "files/a") == b"old"


async def test_an_os_error_of_the_producer_is_not_taken_for_the_stores(storage: Storage) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"x"
        raise ConnectionResetError("the client hung up")

    with pytest.raises(ConnectionResetError):
        await storage.put("files/a", content())


async def test_a_cancelled_put_leaves_nothing(storage: Storage) -> None:
    begun = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 5 * MIB
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(storage.put("files/a", content()))
    await begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await keys(storage) == []


async def test_what_is_not_there_is_not_found(storage: Storage) -> None:
    await put(storage, "files/a/b", b"x")
    for missing in ("files/missing", "files/a", "nothing/at/all"):
        with pytest.raises(ObjectNotFound):
            await anext(storage.get(missing))
        with pytest.raises(ObjectNotFound):
            await storage.size(missing)


async def test_deleting_twice_is_not_an_error(storage: Storage) -> None:
    await put(storage, "files/a", b"x")
    await storage.delete("files/a")
    await storage.delete("files/a")
    assert await keys(storage) == []
    with pytest.raises(ObjectNotFound):
        await read(storage, "files/a")


async def test_deleting_one_object_leaves_its_neighbours(storage: Storage) -> None:
    await put(storage, "work/b/1", b"x")
    await put(storage, "work/b/2", b"y")
    await storage.delete("work/b/1")
    await storage.delete("work/b")
    assert await keys(storage) == ["work/b/2"]


async def test_a_listing_is_deleted_several_at_once_by_two_who_meet(storage: Storage) -> None:
    names = [f"work/b/{number % 3}/part-{number}" for number in range(40)]
    await put(storage, "work/b2", b"kept")
    for name in names:
        await put(storage, name, b"x")

    async def remove() -> None:
        await abreast((found.key async for found in storage.list("work/b/")), storage.delete)

    await asyncio.gather(remove(), remove())
    assert await keys(storage) == ["work/b2"]


async def test_list_goes_by_prefix_in_the_order_of_keys(storage: Storage) -> None:
    names = ["work/b1/x", "work/b1-a", "work/b10/y", "work/b1/a/z", "work/b1.jsonl", "work/b10", "other/b1"]
    names.remove("work/b10")
    for name in names:
        await put(storage, name, name.encode())
    assert await keys(storage) == sorted(names)
    assert await keys(storage, "work/b1/") == ["work/b1/a/z", "work/b1/x"]
    assert await keys(storage, "work/b1") == sorted(name for name in names if name.startswith("work/b1"))
    assert await keys(storage, "work/b1/x") == ["work/b1/x"]
    assert await keys(storage, "work/missing/") == []
    assert [found.size async for found in storage.list("other/")] == [8]


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../secret", "files/../../secret", "files//a", "files/", "./a", "a\0b", "a\\b"]
)
async def test_a_key_that_is_no_plain_path_is_refused(storage: Storage, key: str) -> None:
    for refused in (put(storage, key, b"x"), read(storage, key), storage.size(key), storage.delete(key)):
        with pytest.raises(StorageError):
            await refused


async def test_a_prefix_that_leaves_the_store_is_refused(storage: Storage) -> None:
    with pytest.raises(StorageError):
        await keys(storage, "../")


async def test_a_working_store_passes_its_check_and_keeps_nothing_of_it(storage: Storage) -> None:
    await storage.check()
    assert await keys(storage) == []


async def test_puts_and_deletes_in_one_folder_do_not_disturb_each_other(storage: Storage) -> None:
    async def come_and_go(name: str) -> None:
        for round_ in range(15):
            await put(storage, f"work/one/{name}", f"{name} {round_}".encode())
            await storage.delete(f"work/one/{name}")
        await put(storage, f"work/one/{name}", name.encode())

    names = [f"part-{n}" for n in range(8)]
    await asyncio.gather(*map(come_and_go, names))
    assert await keys(storage, "work/one/") == [f"work/one/{name}" for name in names]
    for name in names:
        assert await read(storage, f"work/one/{name}") == name.encode()


async def test_puts_of_one_key_at_once_leave_one_of_them_whole(storage: Storage) -> None:
    contents = [bytes([65 + n]) * (MIB + n) for n in range(6)]
    await asyncio.gather(*(put(storage, "files/a", content) for content in contents))
    assert await read(storage, "files/a") in contents
