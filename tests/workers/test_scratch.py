"""Scratch: beside the data, each worker's own, and gone with it however it ends."""

import multiprocessing
import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from workers.scratch import scratch_beside


@pytest.fixture(autouse=True)
def the_usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)


def folders(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "scratch").iterdir() if path.is_dir()]


def test_temporary_files_are_made_beside_the_data_and_go_with_their_worker(tmp_path: Path) -> None:
    usual = tempfile.gettempdir()
    with scratch_beside(tmp_path, environ={}):
        (mine,) = folders(tmp_path)
        left = Path(tempfile.mkdtemp())
        assert left.parent == mine
    assert folders(tmp_path) == []
    assert tempfile.gettempdir() == usual


def test_who_sets_tmpdir_has_chosen_another_place(tmp_path: Path) -> None:
    with scratch_beside(tmp_path, environ={"TMPDIR": "/somewhere"}):
        assert not (tmp_path / "scratch").exists()


def work(data_dir: Path, ready: Connection) -> None:
    with scratch_beside(data_dir, environ={}):
        ready.send(tempfile.mkdtemp())
        ready.recv()


def test_what_a_killed_worker_has_left_goes_and_what_another_works_on_stays(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    other = spawning.Process(target=work, args=(tmp_path, there))
    other.start()
    left = Path(here.recv())
    with scratch_beside(tmp_path, environ={}):
        assert left.exists()
    assert other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    assert left.exists()
    with scratch_beside(tmp_path, environ={}):
        assert not left.exists()
