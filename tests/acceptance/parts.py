"""A part of a fleet: a process that can be killed, frozen and started again."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

ENDS_WITHIN_SECONDS = 300
"""Far more than it takes: these machines are shared."""

RESTART_SECONDS = 0.5


class Part(Protocol):
    """What disasters befall. After `kill` and `stop` comes `start`, after `freeze` `thaw`."""

    name: str

    def start(self) -> None:
        """Come up; nobody waits until it is ready."""

    def kill(self) -> None:
        """Die as by kill -9."""

    def stop(self) -> object:
        """End in its own way, as by SIGTERM."""

    def freeze(self) -> None:
        """Stand still, with all its connections open."""

    def thaw(self) -> None:
        """Go on."""


class Process:
    """A part that is a process of ours, with whatever it starts.

    One that ends without having been asked to is started again, as Docker or Kubernetes would.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._folder = folder
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._lasting = False
        self._turn = threading.Lock()

    @property
    def pid(self) -> int:
        """The id of the process that runs, or ran last."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start it, and keep it running from now on."""
        with self._turn:
            self._lasting = True
            process = self._spawn()
        threading.Thread(target=self._keep, args=(process,), daemon=True).start()

    def run(self) -> int:
        """Start it, wait until it has ended, and return its exit code."""
        self._spawn()
        return self._ended()

    def kill(self) -> None:
        """Kill -9 it, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Have it end in its own way, and return its exit code."""
        return self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP it."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT it."""
        self._signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> int:
        with self._turn:
            # Or one that is just being started again would stay behind.
            self._lasting = False
            self._signal(number)
        return self._ended()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    def _keep(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            process.wait()
            time.sleep(RESTART_SECONDS)
            with self._turn:
                if not self._lasting or self._process is not process:
                    return
                process = self._spawn()

    def _signal(self, number: signal.Signals) -> None:
        # It may have ended by itself, as a gateway does that finds no catalog when it starts.
        with suppress(ProcessLookupError):
            if self._process is not None:
                os.killpg(self._process.pid, number)

    def _ended(self) -> int:
        return self._process.wait(ENDS_WITHIN_SECONDS) if self._process else 0
