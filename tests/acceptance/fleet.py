"""A fleet on this machine: a Temporal that is not embedded, and workers and gateways started one by one."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from openai import OpenAI

from tests.acceptance.command_line import OVERNIGHT, environment
from tests.acceptance.serving import KEY, READY_WITHIN_SECONDS, until
from tests.acceptance.temporal import Temporal
from tests.ports import free_port


class Part:
    """One process of the fleet, and what it logs."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, url: str) -> None:
        self.process = process
        self.log = log
        self.url = url

    def health(self, kind: str = "readiness") -> tuple[int, dict[str, Any]] | None:
        """Return the status and what is said; None where nobody answers."""
        try:
            answer = httpx2.get(f"{self.url}/health/{kind}", timeout=10)
        except httpx2.HTTPError:
            return None
        return answer.status_code, answer.json()

    def wait_ready(self) -> Self:
        """Wait until it says that it is ready."""
        until(lambda: (self.health() or (0,))[0] == 200, log=self.log)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Have it stop, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(READY_WITHIN_SECONDS)

    def ever_logged(self, what: str) -> bool:
        """Say whether it has logged that."""
        return what in self.log.read_text()


class Fleet:
    """Temporal, and whatever a test starts beside it, over one data folder."""

    def __init__(self, folder: Path, *, config: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._temporal = Temporal(folder)
        (folder / "config.yaml").write_text(config)
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        self._temporal.start()
        until(lambda: self.temporal("operator", "cluster", "health").returncode == 0)
        # Only `serve` does that by itself.
        upgraded = self.overnight("db", "upgrade", "--config", "config.yaml")
        assert upgraded.returncode == 0, upgraded.stderr
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for part in reversed(self._parts):
            part.process.send_signal(signal.SIGCONT)
            part.process.terminate()
            # Those that drain for long are told that nobody waits for that.
            part.process.send_signal(signal.SIGINT)
        for part in self._parts:
            part.process.wait(READY_WITHIN_SECONDS)
        self._temporal.kill()

    @property
    def temporal_address(self) -> str:
        """Where Temporal is."""
        return self._temporal.address

    @property
    def client(self) -> OpenAI:
        """The real OpenAI SDK, pointed at the gateways."""
        return OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key=KEY, max_retries=0, timeout=60)

    def temporal(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Temporal's own command, as an operator does."""
        program = str(Path(sys.executable).with_name("temporal"))
        command = [program, *arguments, "--address", self.temporal_address]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def overnight(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ours to its end."""
        return subprocess.run(
            [OVERNIGHT, *arguments],
            env=self._environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def worker(self, *arguments: str) -> Part:
        """Start a worker with a page of its own."""
        port = free_port()
        return self._start("worker", f"http://127.0.0.1:{port}", "--metrics-port", str(port), *arguments)

    def gateway(self, *arguments: str) -> Part:
        """Start a gateway."""
        return self._start("gateway", f"http://127.0.0.1:{self.port}", "--port", str(self.port), *arguments)

    def _start(self, name: str, url: str, *arguments: str) -> Part:
        log = self.folder / f"{name}-{len(self._parts)}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [OVERNIGHT, name, "--config", "config.yaml", *arguments],
                cwd=self.folder,
                env=self._environ,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._parts.append(Part(process, log, url))
        return self._parts[-1]

    @property
    def _environ(self) -> dict[str, str]:
        return environment(TEMPORAL_ADDRESS=self.temporal_address)
