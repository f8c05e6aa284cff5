"""The data folder: one `serve` at a time, and a note of what it runs, for people and tests."""

import asyncio
import fcntl
import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self

import psutil

_PID_DIGITS = 20
_PATIENCE = timedelta(seconds=45)
"""How long the processes of a `serve` that was killed may take to go."""

_PATIENCE_WITH_THE_LIVING = timedelta(seconds=1)
"""A process that was killed this moment still looks alive."""

_LOOK_AGAIN = timedelta(seconds=0.1)


class DataFolderTaken(Exception):
    """Another `overnight serve` works in this data folder."""


class DataFolder:
    """A folder that this process has to itself, together with the children that it hands its lock to."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.lock_descriptor = descriptor

    @classmethod
    async def take(cls, path: Path) -> Self:
        """Make the folder if need be, and lock it.

        Waits for what a killed `serve` has left behind to go. Raises DataFolderTaken, naming the holder,
        when that one is alive.
        """
        descriptor = _open(path)
        try:
            await _lock(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return cls(path, descriptor)

    def note(self, running: Mapping[str, object]) -> None:
        """Write down what runs, in `serve.json`."""
        draft = self.path / ".serve.json"
        draft.write_text(json.dumps({"pid": os.getpid(), **running}, indent=2) + "\n")
        draft.replace(self.path / "serve.json")

    def leave(self) -> None:
        """Remove the note and let go of the lock."""
        (self.path / "serve.json").unlink(missing_ok=True)
        os.close(self.lock_descriptor)


def _open(path: Path) -> int:
    path.mkdir(parents=True, exist_ok=True)
    return os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)


def _lives(holder: str) -> bool:
    try:
        return psutil.Process(int(holder)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.Error):
        return False


async def _lock(descriptor: int, path: Path) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not _locked(descriptor):
        waited = timedelta(seconds=loop.time() - began)
        holder = os.pread(descriptor, _PID_DIGITS, 0).decode()
        if waited > _PATIENCE_WITH_THE_LIVING and _lives(holder):
            raise DataFolderTaken(f"{path} is in use by another `overnight serve` (pid {holder})")
        if waited > _PATIENCE:
            what = f"what a killed `overnight serve` (pid {holder}) left behind"
            raise DataFolderTaken(f"{path} is still in use by {what}")
        await asyncio.sleep(_LOOK_AGAIN.total_seconds())


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
