"""Ctrl-C while a batch is watched, by real processes, with a real terminal and without one."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cli
from tests.cli.conftest import StubGateway

PATIENCE_SECONDS = 90
CODE = Path(cli.__file__).parent.parent
WATCH = [sys.executable, "-P", "-m", "cli", "watch", "batch_1"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CODE), "TERM": "xterm", "COLUMNS": "200"}


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_off_a_terminal_the_batch_is_left_running(gateway: StubGateway) -> None:
    process = subprocess.Popen(WATCH, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
    until(lambda: gateway.looks > 1)

    process.send_signal(signal.SIGINT)

    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert b"batch_1 runs on. Look in again with: overnight watch batch_1" in err
    assert not gateway.cancelled


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self) -> None:
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            WATCH, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(), start_new_session=True
        )
        os.close(theirs)
        self._terminal = ours
        self.shown = b""

    def expect(self, text: bytes) -> None:
        while text not in self.shown:
            try:
                self.shown += os.read(self._terminal, 65_536)
            except OSError as error:
                raise AssertionError(self.shown) from error

    def type(self, text: bytes) -> None:
        os.write(self._terminal, text)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)


def test_on_a_terminal_the_person_may_leave_it_running(gateway: StubGateway) -> None:
    terminal = Terminal()
    try:
        until(lambda: gateway.looks > 1)
        terminal.process.send_signal(signal.SIGINT)
        terminal.expect(b"[leave/cancel]")
        terminal.type(b"\n")
        terminal.expect(b"overnight watch batch_1")
        assert terminal.process.wait(PATIENCE_SECONDS) == 130
    finally:
        terminal.close()
    assert not gateway.cancelled


def test_on_a_terminal_the_person_may_cancel_it(gateway: StubGateway) -> None:
    terminal = Terminal()
    try:
        until(lambda: gateway.looks > 1)
        terminal.process.send_signal(signal.SIGINT)
        terminal.expect(b"[leave/cancel]")
        terminal.type(b"cancel\n")
        terminal.expect(b"0 of 0 lines answered")
        assert terminal.process.wait(PATIENCE_SECONDS) == 1
    finally:
        terminal.close()
    assert gateway.cancelled
