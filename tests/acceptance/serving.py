"""`overnight serve`, started as a user starts it, in a folder of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2
import psutil
from openai import OpenAI, OpenAIError

from tests.ports import free_port

READY_WITHIN_SECONDS = 300
"""Far more than it takes: these machines are shared."""

KEY = "sk-1234"

Found = TypeVar("Found")


class Served:
    """A running `overnight serve` on free ports; `restart` starts it again on the same folder."""

    def __init__(self, folder: Path, *, config: str, environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._temporal_port = free_port()
        self._ui_port = free_port()
        self._environ = environ or {}
        (folder / "config.yaml").write_text(config)
        self.log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def temporal_address(self) -> str:
        """Where the embedded Temporal is."""
        return f"127.0.0.1:{self._temporal_port}"

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / ".overnight"

    @property
    def client(self) -> OpenAI:
        """The real OpenAI SDK, pointed at the gateway."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=60)

    def start(self, **environ: str) -> "Served":
        """Start it and wait until it is ready."""
        self.launch(**environ)
        self.wait_ready()
        return self

    def launch(self, **environ: str) -> None:
        """Start it without waiting."""
        command = [
            str(Path(sys.executable).with_name("overnight")),
            "serve",
            *("--config", "config.yaml"),
            *("--port", str(self.port)),
            *("--temporal-port", str(self._temporal_port)),
            *("--temporal-ui-port", str(self._ui_port)),
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**clean, **self._environ, **environ},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until readiness says 200, or it has died."""
        assert self._process is not None
        until(
            lambda: self._process is None or self._process.poll() is not None or self._ready(), log=self.log
        )
        assert self._process.poll() is None, f"serve died:\n{self.log.read_text()[-4000:]}"

    def __enter__(self) -> Self:
        """Start it; it is stopped when the block ends."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_dead(self) -> None:
        """Wait until the supervisor and everything it started are gone."""
        assert self._process is not None
        self._process.wait(READY_WITHIN_SECONDS)
        until(lambda: not self.processes(), log=self.log)

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and check that nothing stays behind."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self.wait_dead()
        self._process = None

    def kill(self, part: str) -> None:
        """Kill -9 `serve` itself, its `gateway`, `worker` or `temporal`."""
        if part == "serve":
            assert self._process is not None
            self._process.kill()
            self.wait_dead()
            return
        running = json.loads((self.data / "serve.json").read_text())
        os.kill(running["children"][part], signal.SIGKILL)

    def processes(self) -> list[psutil.Process]:
        """Return every living process that was started for this folder."""
        return [p for p in psutil.process_iter() if str(self.port) in _command(p) or self._mine(p)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            command = _command(process)
            ours = "temporal" in command or "cli" in command
            return ours and Path(process.cwd()) == self.folder and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def _ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/readiness", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False


def until(
    condition: Any, *, seconds: float = READY_WITHIN_SECONDS, every: float = 0.05, log: Path | None = None
) -> Any:
    """Return what `condition` returns as soon as it is true; fail with the log's end when it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"still not so after {seconds} s\n{log.read_text()[-6000:] if log else ''}")


async def eventually(condition: Callable[[], Awaitable[Found]]) -> Found:
    """Do as `until` does, for what has to be awaited."""
    async with asyncio.timeout(READY_WITHIN_SECONDS):
        while not (found := await condition()):  # noqa: ASYNC110 - what is awaited is in another process
            await asyncio.sleep(0.05)
    return found


def ended(
    client: OpenAI,
    batch_id: str,
    *,
    seconds: float = READY_WITHIN_SECONDS,
    every: float = 0.05,
    log: Path | None = None,
) -> Any:
    """Wait for the batch to end and return it; a gateway that is away for a while is waited for."""

    def terminal() -> Any:
        try:
            batch = client.batches.retrieve(batch_id)
        except (OpenAIError, httpx2.HTTPError):
            return None
        return batch if batch.status in {"completed", "failed", "expired", "cancelled"} else None

    return until(terminal, seconds=seconds, every=every, log=log)


def answered(client: OpenAI, batch_id: str, *, lines: int, log: Path | None = None) -> Any:
    """Wait until so many lines are answered, and return the batch as it is then."""

    def so_far() -> Any:
        batch = client.batches.retrieve(batch_id)
        counts = batch.request_counts
        return batch if counts and counts.completed >= lines else None

    return until(so_far, log=log)


def results(client: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """Return the lines of an output or error file."""
    if file_id is None:
        return []
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return ""
