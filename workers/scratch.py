"""Where a worker sorts what is too much for memory: beside its data, since /tmp is often memory, too.

Nothing there outlives its worker. One that is killed leaves a folder behind, which the next one removes.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TMPDIR = "TMPDIR"
"""Who sets this has chosen another place, as for any program."""

_LOCK = "lock"


@contextmanager
def scratch_beside(data_dir: Path, *, environ: Mapping[str, str]) -> Iterator[None]:
    """Have this process's temporary files made below `data_dir` while the block runs. Raises OSError."""
    if TMPDIR in environ:
        yield
        return
    folder, lock = _take(data_dir / "scratch")
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _take(root: Path) -> tuple[Path, int]:
    """Return a folder of our own, and the lock that keeps it ours, having removed those of the dead."""
    root.mkdir(parents=True, exist_ok=True)
    # Held meanwhile, or another worker could take a folder that has no lock yet for a dead one's.
    taking = _open(root)
    try:
        fcntl.flock(taking, fcntl.LOCK_EX)
        for other in root.iterdir():
            if other.is_dir() and not _in_use(other):
                shutil.rmtree(other, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="worker-", dir=root))
        lock = _open(folder)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(taking)
    return folder, lock


def _in_use(folder: Path) -> bool:
    lock = _open(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _open(folder: Path) -> int:
    return os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
