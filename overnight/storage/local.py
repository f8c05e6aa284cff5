"""Objects as files in one folder: the default store, for one machine or a shared file system.

A key is a path below the root. What is being written lies in `.incoming` until it is whole and on the
disk; then one rename makes it an object. A writer that is killed leaves its draft there, and
`sweep_incoming` removes it when the next gateway starts.
"""

import asyncio
import errno
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from itertools import takewhile
from pathlib import Path
from typing import ParamSpec, TypeVar

from overnight.domain.errors import ObjectNotFound, StorageError, StorageFull, StorageUnavailable
from overnight.storage.blocks import BLOCK_BYTES, GATHERED_BYTES, Block, gathered
from overnight.storage.draft import Draft, sweep
from overnight.storage.durable_folders import DurableFolders
from overnight.storage.keys import RESERVED, require_key, require_prefix
from overnight.storage.probe import probe
from overnight.storage.protocol import FoundObject, StoredObject
from overnight.storage.threads import in_thread

P = ParamSpec("P")
T = TypeVar("T")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class LocalStorage:
    """A Storage in the folder `root`, which is made when it is first needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / RESERVED
        self._folders = DurableFolders(root)

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        """Store `content`; see Storage.

        A cancel that comes during the final rename comes too late: the object is there, and whole.
        """
        target = self._path(key)
        draft = Draft(self._incoming)
        async with aclosing(gathered(content)) as blocks:
            first: Block = await anext(blocks, [])
            if sum(map(len, first)) < GATHERED_BYTES:
                # All there is. Checkpoints are like that, and there are many: one trip to a thread will do.
                await _on_disk(key, draft.store, first, target, folders=self._folders)
            else:
                await self._put_large(key, target, draft, first, blocks)
        return StoredObject(key, draft.size)

    async def _put_large(
        self,
        key: str,
        target: Path,
        draft: Draft,
        first: Block,
        blocks: AsyncIterator[Block],
    ) -> None:
        try:
            await _on_disk(key, draft.create)
            await _write_behind(key, draft, first, blocks)
            await _on_disk(key, draft.sync)
            await _on_disk(key, draft.publish, target, folders=self._folders)
        finally:
            await _on_disk(key, draft.discard)

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream a range of the object; see Storage. What was there when it began is what it reads."""
        file = await _in_object(key, _open_at, self._path(key), start)
        try:
            left = sys.maxsize if end is None else end - start
            while left > 0 and (block := await _on_disk(key, file.read, min(left, BLOCK_BYTES))):
                yield block
                left -= len(block)
        finally:
            file.close()

    async def size(self, key: str) -> int:
        """Return the object's size in bytes; see Storage."""
        return await _in_object(key, _size_of, self._path(key))

    async def delete(self, key: str) -> None:
        """Remove the object and the folders it leaves empty; see Storage."""
        await _on_disk(key, _remove, self._path(key), root=self._root, folders=self._folders)

    async def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield the objects below `prefix` in order; see Storage. One folder at a time is in memory."""
        pending = [_Entry(require_prefix(prefix)[: prefix.rfind("/") + 1])]
        while pending:
            entry = pending.pop()
            if entry.found is not None:
                yield entry.found
                continue
            pending += await _on_disk(entry.key, _entries, self._root, entry.key, prefix=prefix)

    async def free_bytes(self) -> int | None:
        """Return how much room the file system has for us; see Storage."""
        return await _on_disk("", _free_bytes, self._root)

    async def check(self) -> None:
        """Raise StorageUnavailable unless it can be done; see Storage."""
        await probe(self)

    def sweep_incoming(self) -> int:
        """Remove what killed writers left behind, and return how many files that were.

        What any process is writing now stays. Blocks. Raises StorageUnavailable.
        """
        try:
            return sweep(self._incoming)
        except OSError as error:
            raise storage_error(error, key=RESERVED) from error

    def _path(self, key: str) -> Path:
        return self._root / require_key(key)


def storage_error(error: OSError, *, key: str) -> StorageError:
    """Say in our terms what the operating system refused."""
    reason = error.strerror or type(error).__name__
    if error.errno in _NO_ROOM:
        return StorageFull(f"no room left in the data folder: {reason}", key=key)
    return StorageUnavailable(f"the data folder can't be used: {reason}", key=key)


async def _write_behind(key: str, draft: Draft, first: Block, rest: AsyncIterator[Block]) -> None:
    """Write each block while the next one is being produced; never more than one behind."""
    writing = asyncio.create_task(_on_disk(key, draft.write, first))
    try:
        async for block in rest:
            await writing
            writing = asyncio.create_task(_on_disk(key, draft.write, block))
    finally:
        # Also when the producer has failed: a file that is still written to can't be discarded.
        await writing


async def _on_disk(key: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    # Around our own file work only: an OSError of the content's producer is not ours to translate.
    try:
        return await in_thread(work, *args, **kwargs)
    except OSError as error:
        raise storage_error(error, key=key) from error


async def _in_object(key: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await in_thread(work, *args, **kwargs)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ObjectNotFound(key) from error
    except OSError as error:
        raise storage_error(error, key=key) from error


def _open_at(path: Path, start: int) -> FileIO:
    file = path.open("rb", buffering=0)
    file.seek(start)
    return file


def _size_of(path: Path) -> int:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError
    return found.st_size


def _remove(path: Path, *, root: Path, folders: DurableFolders) -> None:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return
    for folder in takewhile(lambda folder: folder != root, path.parents):
        try:
            folder.rmdir()
        except OSError:
            # Something is in it, or another delete was quicker. A put that loses its folder makes it again.
            return
        folders.forget(folder)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file, or a folder, whose key ends in a slash and which is no object."""

    key: str
    found: FoundObject | None = None


def _entries(root: Path, folder: str, *, prefix: str) -> list[_Entry]:
    """Return what is in `folder` below `prefix`, last first. A folder that is gone is empty."""
    found: list[_Entry] = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(root / folder) as entries:
        # Only what is asked for is looked at closely: there can be very many others.
        wanted = (entry for entry in entries if f"{folder}{entry.name}/".startswith(prefix))
        found = [seen for entry in wanted if (seen := _entry(folder, entry)) and seen.key != f"{RESERVED}/"]
    # Folders sort with their slash, as they do inside whole keys: "a-b" < "a/b" < "a0".
    return sorted(found, key=lambda entry: entry.key, reverse=True)


def _entry(folder: str, entry: os.DirEntry[str]) -> _Entry | None:
    if entry.is_dir():
        return _Entry(f"{folder}{entry.name}/")
    key = f"{folder}{entry.name}"
    try:
        seen = entry.stat()
    except FileNotFoundError:
        # Deleted while we looked.
        return None
    return _Entry(key, FoundObject(key, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC)))


def _free_bytes(root: Path) -> int:
    root.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(root).free
