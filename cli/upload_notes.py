"""What the gateway has acknowledged of a large file: noted in the cache folder, beside nothing of the user's.

A file of notes is for one file, model and gateway. It says at its top which state of that file it is about,
and has one line for each part; a line that was cut off counts as none. Whoever sends the file holds a lock on
it, so that two commands at once don't go on with one upload.
"""

import fcntl
import hashlib
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

import msgspec
from platformdirs import user_cache_path

KEPT = timedelta(days=1)
"""What is older is of no use: the gateway has given that upload up."""


class Source(msgspec.Struct, frozen=True):
    """The state of a file, and how it is cut into parts."""

    size: int
    mtime_ns: int
    part_bytes: int

    @property
    def parts(self) -> int:
        """How many parts it has; all but the last have `part_bytes`."""
        return -(-self.size // self.part_bytes)

    def size_of(self, index: int) -> int:
        """Return how many bytes the part at 0-based `index` has."""
        return min(self.part_bytes, self.size - index * self.part_bytes)


class _Begun(msgspec.Struct, frozen=True):
    upload_id: str
    source: Source


class _Acknowledged(msgspec.Struct, frozen=True):
    index: int
    part_id: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload that was begun, and its parts that have arrived, by their 0-based place in the file."""

    upload_id: str
    parts: dict[int, str] = field(default_factory=dict)


class UploadNotes:
    """One file of notes. Threads may share it."""

    def __init__(self, file: IO[bytes], path: Path | None = None) -> None:
        self._file = file
        self._path = path
        self._lock = threading.Lock()

    @classmethod
    def of(cls, path: Path, *, url: str, model: str | None) -> "UploadNotes":
        """Open the notes on the file at `path`. Where none can be kept, they are forgotten in the end."""
        name = hashlib.sha256("\0".join([url, model or "", str(path.resolve())]).encode()).hexdigest()
        folder = user_cache_path("overnight") / "uploads"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _prune(folder)
            return cls(_locked(folder / f"{name[:32]}.jsonl"), folder / f"{name[:32]}.jsonl")
        except OSError:
            # No home, a full disk, or another command that is sending this file now.
            return cls(tempfile.TemporaryFile())

    def read(self, source: Source) -> Begun | None:
        """Return what was begun of the file as it is now, None where nothing was."""
        self._file.seek(0)
        head, *lines = self._file.read().split(b"\n")
        try:
            begun = msgspec.json.decode(head, type=_Begun)
        except msgspec.MsgspecError:
            return None
        if begun.source != source:
            return None
        parts: dict[int, str] = {}
        for line in lines:
            with suppress(msgspec.MsgspecError):
                part = msgspec.json.decode(line, type=_Acknowledged)
                parts[part.index] = part.part_id
        return Begun(begun.upload_id, parts)

    def begin(self, source: Source, upload_id: str) -> Begun:
        """Note that the file is sent from its beginning."""
        self._file.seek(0)
        self._file.truncate()
        self._append(_Begun(upload_id, source))
        return Begun(upload_id)

    def acknowledge(self, begun: Begun, index: int, part_id: str) -> None:
        """Note that a part has arrived."""
        with self._lock:
            begun.parts[index] = part_id
            self._append(_Acknowledged(index, part_id))

    def discard(self) -> None:
        """Forget it all: there is a file now, or never will be one."""
        if self._path:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the notes."""
        self._file.close()

    def _append(self, note: _Begun | _Acknowledged) -> None:
        self._file.seek(0, 2)
        # A line that was cut off must not swallow this one.
        self._file.write((b"" if isinstance(note, _Begun) else b"\n") + msgspec.json.encode(note))
        self._file.flush()


def _locked(path: Path) -> IO[bytes]:
    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _prune(folder: Path) -> None:
    for notes in folder.glob("*.jsonl"):
        with suppress(FileNotFoundError):
            if notes.stat().st_mtime < time.time() - KEPT.total_seconds():
                notes.unlink()
