"""Children are real processes: started again, stopped in order, gone when their parent is."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from cli import supervisor
from cli.lifeline import LIFELINE_VARIABLE
from cli.supervisor import Child, ChildFailed, Program, Ties

PATIENCE_SECONDS = 90
CODE = Path(supervisor.__file__).parent.parent

SLEEPS = "import time; time.sleep(600)"
IGNORES_SIGTERM = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
SAYS_WHEN_IT_ENDS = """
import pathlib, signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as log:
        log.write(sys.argv[2] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1] + sys.argv[2]).touch()
time.sleep(600)
"""
PARENT = """
import asyncio, sys
from datetime import timedelta
from cli.supervisor import Child, Program, Ties
from overnight.logs import configure_logging

configure_logging(process="parent")

async def main():
    ties = Ties.make()
    children = []
    for name, arguments in {
        "leashed": ["sleep", "600"],
        "lifelined": [sys.executable, "-P", "-c",
            "import signal, time; from cli.lifeline import follow_parent\\n"
            "signal.signal(signal.SIGTERM, signal.SIG_DFL); follow_parent(); time.sleep(600)"],
    }.items():
        program = Program(name=name, arguments=arguments, grace=timedelta(seconds=5))
        child = Child(program, ties=ties, started=lambda: None)
        await child.start()
        children.append(child)
    print(*(child.pid for child in children), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def ties() -> AsyncIterator[Ties]:
    ties = Ties.make()
    yield ties
    ties.cut()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY", timedelta(milliseconds=1))


def python(*arguments: str, grace: timedelta = timedelta(seconds=PATIENCE_SECONDS)) -> Program:
    return Program(name="child", arguments=(sys.executable, "-c", *arguments), grace=grace)


def child_of(program: Program, ties: Ties) -> Child:
    return Child(program, ties=ties, started=lambda: None)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_child_that_is_killed_is_started_again(ties: Ties, quickly: None) -> None:
    child = child_of(python(SLEEPS), ties)
    await child.start()
    first = child.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)

    await until(lambda: child.pid != first)
    await child.stop(hurry=asyncio.Event())
    assert child.pid is not None
    assert gone(child.pid)


async def test_a_child_has_a_session_of_its_own_so_ctrl_c_does_not_reach_it(ties: Ties) -> None:
    child = child_of(python(SLEEPS), ties)
    await child.start()
    assert child.pid is not None

    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        await child.stop(hurry=asyncio.Event())


async def test_a_child_that_never_gets_ready_is_given_up(ties: Ties, quickly: None) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    program = Program(
        name="gateway",
        arguments=(sys.executable, "-c", "import sys; sys.exit(3)"),
        grace=timedelta(seconds=1),
        become_ready=never,
    )

    with pytest.raises(ChildFailed, match=r"the gateway does not start \(exit code 3\)"):
        await child_of(program, ties).start()


async def test_what_goes_wrong_while_a_child_becomes_ready_is_not_swallowed(ties: Ties) -> None:
    async def fails() -> None:
        raise LookupError

    program = Program(name="x", arguments=("sleep", "600"), grace=timedelta(seconds=5), become_ready=fails)
    child = child_of(program, ties)

    with pytest.raises(LookupError):
        await child.start()
    await child.stop(hurry=asyncio.Event())

    assert child.pid is not None
    assert gone(child.pid)


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(ties: Ties, tmp_path: Path) -> None:
    program = python(IGNORES_SIGTERM, str(tmp_path / "up"), grace=timedelta(milliseconds=50))
    child = child_of(program, ties)
    await child.start()
    await until((tmp_path / "up").exists)

    await child.stop(hurry=asyncio.Event())

    assert child.pid is not None
    assert gone(child.pid)


async def test_a_hurry_does_not_wait_for_the_grace(ties: Ties, tmp_path: Path) -> None:
    program = python(IGNORES_SIGTERM, str(tmp_path / "up"), grace=timedelta(hours=1))
    child = child_of(program, ties)
    await child.start()
    await until((tmp_path / "up").exists)
    hurry = asyncio.Event()
    hurry.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await child.stop(hurry=hurry)

    assert child.pid is not None
    assert gone(child.pid)


async def test_a_child_may_end_in_its_own_way(ties: Ties, tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = child_of(python(SAYS_WHEN_IT_ENDS, str(log), "bye"), ties)
    await child.start()
    await until(Path(f"{log}bye").exists)

    await child.stop(hurry=asyncio.Event())

    assert log.read_text() == "bye "


async def test_children_know_where_their_lifeline_is(ties: Ties, tmp_path: Path) -> None:
    code = (
        "import os, sys; open(sys.argv[1], 'w').write(os.environ[sys.argv[2]]); import time; time.sleep(600)"
    )
    child = child_of(python(code, str(tmp_path / "fd"), LIFELINE_VARIABLE), ties)
    await child.start()

    await until(lambda: (tmp_path / "fd").exists() and (tmp_path / "fd").read_text())
    await child.stop(hurry=asyncio.Event())

    assert (tmp_path / "fd").read_text() == str(ties.reading)


def test_no_child_outlives_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CODE)},
    )
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    assert not any(gone(pid) for pid in children)

    parent.kill()
    parent.wait()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(gone(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_lifeline_alone_ends_an_orphan(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    code = (
        "from cli.lifeline import follow_parent as f; import time; f(); print(1, flush=True); time.sleep(600)"
    )
    orphan = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        pass_fds=(reading,),
        env={**os.environ, "PYTHONPATH": str(CODE), LIFELINE_VARIABLE: str(reading)},
    )
    assert orphan.stdout is not None
    orphan.stdout.readline()
    assert orphan.poll() is None

    os.close(writing)

    assert orphan.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    os.close(reading)
