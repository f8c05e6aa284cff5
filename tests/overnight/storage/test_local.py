"""What only a folder on a disk does: it fills up, it is left in disorder, it can't be written."""

import asyncio
import errno
import fcntl
import subprocess
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

import pytest

from overnight.domain.errors import StorageError, StorageFull, StorageUnavailable
from overnight.storage.local import LocalStorage, storage_error
from overnight.storage.memory import MemoryStorage
from overnight.storage.protocol import Storage
from overnight.storage.threads import in_thread

CHECKOUT = Path(__file__).parents[3]
MIB = 2**20

WRITER_THAT_NEVER_ENDS = """
import asyncio, pathlib, sys
from overnight.storage.local import LocalStorage

async def content():
    yield b"x" * 5 * 2**20
    print("written", flush=True)
    await asyncio.Event().wait()

asyncio.run(LocalStorage(pathlib.Path(sys.argv[1])).put("files/a", content()))
"""


async def zeros(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 65_536):
        yield bytes(65_536)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


async def test_a_full_disk_is_told_and_left_as_it_was(small_disk: Path) -> None:
    storage = LocalStorage(small_disk)
    await storage.put("files/a", zeros(MIB))
    with pytest.raises(StorageFull):
        await storage.put("files/b", zeros(8 * MIB))
    assert files_below(small_disk) == [small_disk / "files/a"]
    await storage.put("files/b", zeros(MIB))


async def test_free_bytes_is_what_the_disk_has(small_disk: Path) -> None:
    storage = LocalStorage(small_disk)
    before = await storage.free_bytes()
    await storage.put("files/a", zeros(MIB))
    after = await storage.free_bytes()
    assert before is not None
    assert after is not None
    assert MIB <= before - after < 2 * MIB


async def test_a_full_memory_is_told_like_a_full_disk() -> None:
    storage: Storage = MemoryStorage(capacity=MIB)
    with pytest.raises(StorageFull):
        await storage.put("files/a", zeros(2 * MIB))
    assert await storage.free_bytes() == MIB


def test_no_room_on_the_device_is_storage_full() -> None:
    with (
        pytest.raises(OSError, match="No space") as caught,
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert isinstance(storage_error(caught.value, key="files/a"), StorageFull)


def test_a_quota_is_storage_full_and_the_rest_is_unavailable() -> None:
    assert isinstance(storage_error(OSError(errno.EDQUOT, "quota"), key="a"), StorageFull)
    assert isinstance(storage_error(OSError(errno.EIO, "input/output error"), key="a"), StorageUnavailable)


async def test_a_folder_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        await LocalStorage(tmp_path / "data").check()


async def test_nothing_but_the_object_is_left_after_a_put(tmp_path: Path) -> None:
    await LocalStorage(tmp_path).put("files/a", zeros(MIB))
    assert files_below(tmp_path) == [tmp_path / "files/a"]


async def test_a_cancelled_put_leaves_no_draft(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 5 * MIB
            begun.set()

    putting = asyncio.create_task(LocalStorage(tmp_path).put("files/a", content()))
    await begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert files_below(tmp_path) == []


async def test_a_cancel_waits_for_the_thread_that_does_the_work() -> None:
    entered, may_end = threading.Event(), threading.Event()
    ended: list[bool] = []

    def work() -> None:
        entered.set()
        may_end.wait()
        ended.append(True)

    doing = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(entered.wait)
    doing.cancel()
    await asyncio.wait([doing], timeout=0.01)
    doing.cancel()
    assert not doing.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert ended == [True]


async def test_deleting_tidies_up_empty_folders(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    await storage.put("work/b/shard/part", zeros(1))
    await storage.put("work/c", zeros(1))
    await storage.delete("work/b/shard/part")
    assert not (tmp_path / "work/b").exists()
    assert (tmp_path / "work/c").exists()


async def test_a_put_makes_its_folder_again_when_it_is_tidied_away(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    done = threading.Event()

    def tidy_up() -> None:
        # Fewer times than a put tries, so that it can't be out of luck.
        removals_left = 50
        while removals_left and not done.is_set():
            with suppress(OSError):
                (tmp_path / "work/b").rmdir()
                removals_left -= 1

    tidying = asyncio.create_task(asyncio.to_thread(tidy_up))
    try:
        for _ in range(50):
            await storage.put("work/b/part", zeros(1))
            (tmp_path / "work/b/part").unlink()
    finally:
        done.set()
        await tidying


async def test_what_a_killed_writer_left_is_swept_and_not_before_it_is_dead(tmp_path: Path) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER_THAT_NEVER_ENDS, tmp_path, stdout=PIPE, env={"PYTHONPATH": str(CHECKOUT)}
    )
    assert writer.stdout is not None
    assert await writer.stdout.readline() == b"written\n"
    storage = LocalStorage(tmp_path)
    assert storage.sweep_incoming() == 0
    assert len(files_below(tmp_path)) == 1
    writer.kill()
    await writer.wait()
    assert [found async for found in storage.list("")] == []
    assert storage.sweep_incoming() == 1
    assert files_below(tmp_path) == []
    assert storage.sweep_incoming() == 0


async def test_a_sweep_takes_nothing_from_those_who_write_at_that_moment(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    done = threading.Event()

    def keep_sweeping() -> None:
        while not done.is_set():
            storage.sweep_incoming()

    sweeping = asyncio.create_task(asyncio.to_thread(keep_sweeping))
    try:
        stored = [await storage.put(f"files/{n}", zeros(1)) for n in range(300)]
    finally:
        done.set()
        await sweeping
    assert [found.key async for found in storage.list("files/")] == sorted(each.key for each in stored)


async def test_a_draft_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, []

    def swept_first(file: FileIO, how: int) -> None:
        if not swept:
            swept.extend((tmp_path / ".incoming").iterdir())
            swept[0].unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    await LocalStorage(tmp_path).put("files/a", zeros(MIB))
    assert files_below(tmp_path) == [tmp_path / "files/a"]
    assert swept


async def test_drafts_can_be_neither_read_nor_overwritten(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    for refused in (storage.size(".incoming/x"), storage.delete(".incoming/x")):
        with pytest.raises(StorageError):
            await refused
