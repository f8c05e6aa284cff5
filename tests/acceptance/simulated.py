"""The endpoint simulator in a process of its own, so that killing Overnight leaves it standing."""

import subprocess
import sys
from typing import Any, Self

import httpx2

from tests.acceptance.serving import until
from tests.ports import free_port


class Endpoint:
    """A self-hosted endpoint on loopback; `stop` and `start` make it go down and come back."""

    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._slow = False

    @property
    def base_url(self) -> str:
        """What goes into `api_base`."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self, *, delay: float = 0) -> None:
        """Come (back) up; every answer takes `delay` seconds."""
        command = [sys.executable, "-m", "simulators.endpoint", "--port", str(self._port)]
        self._process = subprocess.Popen([*command, "--delay", str(delay)])
        self._slow = delay > 0
        until(self._up)

    def stop(self) -> None:
        """Go down, as a server that is restarted does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def seen(self) -> Any:
        """Return what the endpoint has seen."""
        return self._get("/_seen").json()

    def restart(self, *, delay: float = 0) -> None:
        """Go down and come back: requests in flight are lost, and nothing is remembered."""
        self.stop()
        self.start(delay=delay)

    def heal(self) -> None:
        """Be up, fast and without faults."""
        if self._process is None or self._slow:
            self.restart()
        self.fault()

    def fault(self, **fault: Any) -> None:
        """Set a fault for every request, until the endpoint is stopped; without arguments, end it."""
        httpx2.post(f"http://127.0.0.1:{self._port}/_faults", json=fault, timeout=60).raise_for_status()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _up(self) -> bool:
        try:
            return self._get("/_seen").status_code == 200
        except httpx2.HTTPError:
            return False

    def _get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self._port}{path}", timeout=60)
