"""A server of another project in a process of its own, on a free port of loopback."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STARTS_WITHIN_SECONDS = 120
"""Far more than it takes: these machines are shared."""


@contextmanager
def running(
    command: Sequence[str], *, port: int, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run `command` until the block ends; begin the block once it listens on `port`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait_for(process, port, log)
        yield
    finally:
        process.terminate()
        process.wait(STARTS_WITHIN_SECONDS)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"it ended: {log.read_text()[-4000:]}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}: {log.read_text()[-4000:]}")
