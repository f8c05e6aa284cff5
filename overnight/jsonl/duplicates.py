"""Finds every custom_id that was used before, among millions, in constant memory.

A set of two million ids would take some 200 MB. So first only 64-bit hashes are compared, a
partition at a time. Where no hash comes twice, which is nearly always, that is the answer. Where
some do, the ids themselves, which were set aside on disk, are compared: again a partition at a
time, and only those whose hash is suspect. A hash never decides that an id is a duplicate.
"""

import heapq
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from overnight.jsonl.spool import Spool

_PARTITIONS = 64
_HELD_HASHES = 2**19
"""How many hashes are in memory before they go to disk: 4 MiB."""
_FLAGS = 2**22
"""Suspect hashes are told by their low 22 bits, which takes 4 MB however many there are."""

_HASH = "q"
_READ_BYTES = 2**18


class _IdRun(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The ids of lines that follow each other; None for a line that has none."""

    first_line: int
    ids: list[str | None]


class IdUse(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A line, by its 1-based number, and the custom_id it uses."""

    line: int
    custom_id: str


class DuplicateFinder:
    """Takes in the ids line by line, and tells in the end which lines repeat one.

    Everything it needs on disk is in `scratch`: 8 bytes a line and the ids themselves.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._ids = Spool(scratch / "ids", _IdRun)
        self._hashes = _HashPartitions(scratch)

    def add(self, first_line: int, ids: list[str | None]) -> None:
        """Take in the ids of lines that follow each other; None for a line that has none."""
        self._ids.append(_IdRun(first_line, ids))
        self._hashes.add(ids)

    def repeats(self) -> Iterator[IdUse]:
        """Yield every use of an id but its first, in line order. Reads all ids again if any is suspect."""
        self._ids.close()
        flags = self._hashes.flag_repeated()
        if flags is None:
            return iter(())
        suspects = self._suspects(flags)
        return heapq.merge(*map(self._repeats_among, range(_PARTITIONS), suspects))

    def _suspects(self, flags: bytearray) -> list[Spool[IdUse]]:
        spools = [Spool(self._scratch / f"suspects-{partition}", IdUse) for partition in range(_PARTITIONS)]
        for run in self._ids:
            for line, custom_id in enumerate(run.ids, run.first_line):
                if custom_id and flags[hash(custom_id) % _FLAGS]:
                    spools[hash(custom_id) % _PARTITIONS].append(IdUse(line, custom_id))
        return spools

    def _repeats_among(self, partition: int, suspects: Spool[IdUse]) -> Spool[IdUse]:
        # Set aside rather than yielded: merging holds all partitions open, and would hold all sets.
        repeats = Spool(self._scratch / f"repeats-{partition}", IdUse)
        seen: set[str] = set()
        for use in suspects:
            if use.custom_id in seen:
                repeats.append(use)
            seen.add(use.custom_id)
        return repeats


class _HashPartitions:
    """The hashes of all ids, by their low bits, so that equal ones are in one partition."""

    def __init__(self, scratch: Path) -> None:
        self._files = [scratch / f"hashes-{partition}" for partition in range(_PARTITIONS)]
        self._held = [array(_HASH) for _ in self._files]
        self._appends = [held.append for held in self._held]
        self._count = 0

    def add(self, ids: list[str | None]) -> None:
        """Take in the hashes of the ids that are there."""
        appends = self._appends
        for hashed in map(hash, filter(None, ids)):
            appends[hashed % _PARTITIONS](hashed)
        self._count += len(ids)
        if self._count >= _HELD_HASHES:
            self._set_aside()

    def flag_repeated(self) -> bytearray | None:
        """Return a flag for the low bits of every hash that came twice, or None if none did."""
        flags = bytearray(_FLAGS)
        any_repeated = False
        for partition in range(_PARTITIONS):
            for hashed in self._repeated_in(partition):
                flags[hashed % _FLAGS] = True
                any_repeated = True
        return flags if any_repeated else None

    def _set_aside(self) -> None:
        for file, held in zip(self._files, self._held, strict=True):
            with file.open("ab") as writer:
                held.tofile(writer)
            del held[:]
        self._count = 0

    def _repeated_in(self, partition: int) -> Iterator[int]:
        seen: set[int] = set()
        for hashes in self._read(partition):
            expected = len(seen) + len(hashes)
            seen.update(hashes)
            if len(seen) < expected:
                return self._name_repeated(partition)
        return iter(())

    def _name_repeated(self, partition: int) -> Iterator[int]:
        seen: set[int] = set()
        for hashes in self._read(partition):
            for hashed in hashes:
                if hashed in seen:
                    yield hashed
                seen.add(hashed)

    def _read(self, partition: int) -> Iterator["array[int]"]:
        file = self._files[partition]
        if file.exists():
            with file.open("rb") as reader:
                while block := reader.read(_READ_BYTES):
                    yield array(_HASH, block)
        yield self._held[partition]
