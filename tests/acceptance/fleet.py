"""A fleet on this machine: a Temporal that is not embedded, and gateways and workers started one by one."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
from openai import OpenAI

from tests.acceptance.command_line import OVERNIGHT, PATIENCE_SECONDS, environment
from tests.acceptance.parts import Process
from tests.acceptance.serving import KEY, until
from tests.acceptance.temporal import Temporal
from tests.ports import free_port

Started = TypeVar("Started", bound="Member")


class Member(Process):
    """A gateway or a worker, and where it says how it is."""

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, environ: Mapping[str, str], port: int
    ) -> None:
        super().__init__(name, command, folder=folder, environ=environ)
        self.url = f"http://127.0.0.1:{port}"

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

    def ever_logged(self, what: str) -> bool:
        """Say whether it has logged that."""
        return what in self.log.read_text()


class Gateway(Member):
    """A gateway."""

    @property
    def client(self) -> OpenAI:
        """The real OpenAI SDK, pointed at it."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=60)


class Fleet:
    """Temporal, tables, and whatever is started beside them, in one folder."""

    def __init__(self, folder: Path, *, config: str, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.processes: list[Process] = [temporal := Temporal(folder)]
        self.temporal_address = temporal.address
        (folder / "config.yaml").write_text(config)
        self._environ = environment(TEMPORAL_ADDRESS=temporal.address, **(environ or {}))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()

    def start(self) -> None:
        """Start Temporal, and make the tables: only `serve` does that by itself."""
        self.processes[0].start()
        until(lambda: self.temporal("operator", "cluster", "health").returncode == 0)
        upgraded = self.overnight("db", "upgrade", "--config", "config.yaml")
        assert upgraded.returncode == 0, upgraded.stderr

    def temporal(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Temporal's own command, as an operator does."""
        program = str(Path(sys.executable).with_name("temporal"))
        return self._run(program, *arguments, "--address", self.temporal_address)

    def overnight(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ours to its end."""
        return self._run(OVERNIGHT, *arguments)

    def worker(self, *arguments: str, name: str | None = None) -> Member:
        """Start a worker with a page of its own."""
        return self._started(Member, "worker", "--metrics-port", *arguments, name=name)

    def gateway(self, *arguments: str, name: str | None = None) -> Gateway:
        """Start a gateway."""
        return self._started(Gateway, "gateway", "--port", *arguments, name=name)

    def _run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            env=self._environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def _started(
        self, what: type[Started], command: str, port_option: str, *arguments: str, name: str | None
    ) -> Started:
        port = free_port()
        member = what(
            name or f"{command}-{len(self.processes)}",
            [OVERNIGHT, command, "--config", "config.yaml", port_option, str(port), *arguments],
            folder=self.folder,
            environ=self._environ,
            port=port,
        )
        self.processes.append(member)
        member.start()
        return member

    def _end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
