"""A file that is not an object yet: written aside, then put in its place in one step.

Its writer holds a lock on it for as long as it is a draft. The kernel lets go of it when the writer dies, and
that is how `sweep` tells what a killed process left behind from what another one is writing now.
"""

import fcntl
import os
import secrets
from contextlib import suppress
from io import FileIO
from pathlib import Path

from overnight.storage.blocks import Block
from overnight.storage.durable_folders import DurableFolders

_PUBLISH_ATTEMPTS = 100
"""How often a folder may be tidied away between making it and moving the file into it."""

_WRITE_BYTES = 256 * 2**10
"""The most that one write takes. Measured on Linux 6.18 (ext4): a gigabyte in writes of 1 MiB and more took
1.1 to 2.4 seconds of CPU, in writes of 768 KiB and less 0.3; such writes are given larger pages, which are
dear to come by."""


class Draft:
    """A new file in `folder`, for one writer. Every method blocks, and raises OSError."""

    _file: FileIO

    def __init__(self, folder: Path) -> None:
        self._path = folder / secrets.token_hex(16)
        self.size = 0

    def store(self, block: Block, target: Path, *, folders: DurableFolders) -> None:
        """Do all of it, `create` to `publish`, with content that is at hand; leave nothing if it fails."""
        try:
            self.create()
            self.write(block)
            self.sync()
            self.publish(target, folders=folders)
        except BaseException:
            self.discard()
            raise

    def create(self) -> None:
        """Make the file, and the folder where needed. What comes before `write` can be discarded already."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        if not os.fstat(self._file.fileno()).st_nlink:
            # A sweep saw it between the two steps, and took it for a dead writer's.
            self._file.close()
            self.create()

    def write(self, block: Block) -> None:
        """Append all pieces of `block`, and have the disk begin with them."""
        start = self.size
        for piece in block:
            rest = memoryview(piece)
            while rest:
                # A raw write may take less than it is given, when the disk fills up for instance.
                written = self._file.write(rest[:_WRITE_BYTES])
                rest = rest[written:]
            self.size += len(piece)
        _begin_writing(self._file, start, self.size - start)

    def sync(self) -> None:
        """Make the content survive a power failure."""
        os.fsync(self._file.fileno())

    def publish(self, target: Path, *, folders: DurableFolders) -> None:
        """Move the file to `target`, replacing what is there, and make that survive as well."""
        folders.forget_missing(target)
        self._move(target)
        # Not before the move: a draft whose lock is free is anybody's to remove.
        self._file.close()
        folders.sync(target)

    def discard(self) -> None:
        """Remove the file, unless it was published or never made."""
        self._path.unlink(missing_ok=True)
        if hasattr(self, "_file"):
            self._file.close()

    def _move(self, target: Path) -> None:
        for attempts_left in reversed(range(_PUBLISH_ATTEMPTS)):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._path.replace(target)
            except (FileNotFoundError, FileExistsError):
                # A delete beside us found the folder empty and removed it, even while we made it: once more.
                if not attempts_left:
                    raise
            else:
                return


def _begin_writing(file: FileIO, start: int, length: int) -> None:
    # Without it the disk is idle until `sync`, and a fifth of an upload is spent waiting there. Pages that
    # are not written yet can't be dropped, so on Linux the advice comes down to writing them now, in the
    # background; macOS does not know it.
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_DONTNEED)


def sweep(folder: Path) -> int:
    """Remove the drafts in `folder` whose writers are dead; return how many. Blocks, and raises OSError."""
    drafts = [*folder.iterdir()] if folder.is_dir() else []
    return sum(map(_removed_as_left_behind, drafts))


def _removed_as_left_behind(draft: Path) -> bool:
    # Published or discarded while we looked, its path names nothing any more; a lock that is held is a
    # writer that lives, in whichever process.
    with suppress(FileNotFoundError, BlockingIOError), draft.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.unlink()
        return True
    return False
