"""A file that is not an object yet: written aside, then put in its place in one step."""

import os
import secrets
from io import FileIO
from pathlib import Path

from overnight.storage.durable_folders import DurableFolders

_PUBLISH_ATTEMPTS = 100
"""How often a folder may be tidied away between making it and moving the file into it."""


class Draft:
    """A new file in `folder`, for one writer. Every method blocks, and raises OSError."""

    _file: FileIO

    def __init__(self, folder: Path) -> None:
        self._path = folder / secrets.token_hex(16)
        self.size = 0

    def store(self, content: bytes, target: Path, *, folders: DurableFolders) -> None:
        """Do all of it, `create` to `publish`, with content that is at hand; leave nothing if it fails."""
        try:
            self.create()
            self.write(content)
            self.sync()
            self.publish(target, folders=folders)
        except BaseException:
            self.discard()
            raise

    def create(self) -> None:
        """Make the file, and the folder where needed. What comes before `write` can be discarded already."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("xb", buffering=0)

    def write(self, block: bytes) -> None:
        """Append all of `block`."""
        rest = memoryview(block)
        while rest:
            # A raw write may take less than it is given, when the disk fills up for instance.
            written = self._file.write(rest)
            rest = rest[written:]
        self.size += len(block)

    def sync(self) -> None:
        """Make the content survive a power failure."""
        os.fsync(self._file.fileno())

    def publish(self, target: Path, *, folders: DurableFolders) -> None:
        """Move the file to `target`, replacing what is there, and make that survive as well."""
        self._file.close()
        folders.forget_missing(target)
        self._move(target)
        folders.sync(target)

    def discard(self) -> None:
        """Remove the file, unless it was published or never made."""
        if hasattr(self, "_file"):
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _move(self, target: Path) -> None:
        for attempts_left in reversed(range(_PUBLISH_ATTEMPTS)):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._path.replace(target)
            except FileNotFoundError:
                # A delete beside us found the folder empty and removed it: make it again.
                if not attempts_left:
                    raise
            else:
                return
