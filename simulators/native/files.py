"""The provider's files: what is known of each, and where its bytes lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulators.native.refusals import Reason, Refusal


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """One file. Times are Unix seconds; a result file has no `size` (bytes) until somebody asks for it."""

    id: str
    filename: str
    purpose: str
    path: Path
    created_at: float
    ready_at: float
    expires_at: float | None
    size: int | None = None
    job_id: str | None = None


class Shelf:
    """The files that are there, in the order they came; one that has expired is gone by the next look."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self.deleted = 0

    def put(self, stored: StoredFile) -> None:
        """Take a file in."""
        self._files[stored.id] = stored

    def get(self, file_id: str, *, now: float) -> StoredFile:
        """Return a file. Raises Refusal."""
        stored = self.find(file_id, now=now)
        if stored is None:
            raise Refusal(Reason.UNKNOWN_FILE, id=file_id)
        return stored

    def find(self, file_id: str, *, now: float) -> StoredFile | None:
        """Return a file, or None when there is none, or none any more."""
        stored = self._files.get(file_id)
        if stored is not None and stored.expires_at is not None and stored.expires_at <= now:
            self._drop(stored)
            return None
        return stored

    def has(self, file_id: str) -> bool:
        """Tell whether a file has not been deleted."""
        return file_id in self._files

    def delete(self, file_id: str, *, now: float) -> None:
        """Delete a file. Raises Refusal."""
        self._drop(self.get(file_id, now=now))
        self.deleted += 1

    def present(self, *, now: float) -> Iterator[StoredFile]:
        """Yield what is there, oldest first."""
        for file_id in list(self._files):
            if stored := self.find(file_id, now=now):
                yield stored

    def clear(self) -> None:
        """Forget all files."""
        for stored in list(self._files.values()):
            self._drop(stored)
        self.deleted = 0

    def _drop(self, stored: StoredFile) -> None:
        del self._files[stored.id]
        stored.path.unlink(missing_ok=True)
