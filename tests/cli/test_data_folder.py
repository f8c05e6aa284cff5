"""One `serve` a folder, and the next one waits for what a killed one left behind."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli import data_folder
from cli.data_folder import DataFolder, DataFolderTaken

CODE = Path(data_folder.__file__).parent.parent
HOLDS = """
import asyncio, sys
from pathlib import Path
from cli.data_folder import DataFolder
folder = asyncio.run(DataFolder.take(Path(sys.argv[1])))
print(folder.lock_descriptor, flush=True)
{then}
sys.stdin.read()
"""
LEAVES_A_CHILD = """
import subprocess
child = subprocess.Popen(["sleep", "600"], pass_fds=[folder.lock_descriptor])
print(child.pid, flush=True)
"""


def holder(path: Path, then: str = "") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS.format(then=then), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CODE)},
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdigit()
    return process


async def test_a_folder_is_made_locked_and_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"

    folder = await DataFolder.take(path)
    folder.note({"url": "http://here"})
    noted = json.loads((path / "serve.json").read_text())
    folder.leave()

    assert noted == {"pid": os.getpid(), "url": "http://here"}
    assert not (path / "serve.json").exists()
    (await DataFolder.take(path)).leave()


async def test_a_second_one_is_told_who_has_the_folder(tmp_path: Path) -> None:
    first = holder(tmp_path)

    try:
        with pytest.raises(DataFolderTaken, match=rf"another `overnight serve` \(pid {first.pid}\)"):
            await DataFolder.take(tmp_path)
    finally:
        first.kill()
        first.wait()


async def test_a_killed_ones_folder_is_free_at_once(tmp_path: Path) -> None:
    first = holder(tmp_path)
    first.kill()

    # Not waited for: to the system, a killed process whose parent has not looked yet is still there.
    (await DataFolder.take(tmp_path)).leave()
    first.wait()


async def test_the_folder_is_taken_only_when_a_killed_ones_children_are_gone(tmp_path: Path) -> None:
    first = holder(tmp_path, then=LEAVES_A_CHILD)
    assert first.stdout is not None
    child = int(first.stdout.readline())
    first.kill()
    first.wait()
    taking = asyncio.create_task(DataFolder.take(tmp_path))
    for _ in range(3):
        await asyncio.sleep(data_folder._LOOK_AGAIN.total_seconds())
    assert not taking.done()

    os.kill(child, 9)

    (await taking).leave()
