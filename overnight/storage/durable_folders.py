"""Which folders are known to survive a power failure, so that they need not be written to the disk again.

A new file survives when its content, its entry in its folder, and the entries of all folders above it are on
the disk. The last of these were so since the folders were made: for a checkpoint that is six writes saved.
"""

import os
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path


class DurableFolders:
    """The folders below `root` that this process has seen to. Its methods block; threads may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[Path] = set()

    def sync(self, target: Path) -> None:
        """Write the entry of `target`, and of each folder above it that is not known yet, to the disk."""
        _sync(target.parent)
        for folder in self._above(target):
            if folder in self._known:
                return
            _sync(folder.parent)
            self._known.add(folder)

    def forget(self, folder: Path) -> None:
        """Note that `folder` was removed."""
        self._known.discard(folder)

    def forget_missing(self, target: Path) -> None:
        """Note which folders above `target` another process has removed."""
        for folder in self._above(target):
            if folder.exists():
                return
            self._known.discard(folder)

    def _above(self, target: Path) -> Iterator[Path]:
        return takewhile(lambda folder: folder != self._root, target.parents)


def _sync(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        # The object was deleted in the meantime, and its empty folder with it.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
