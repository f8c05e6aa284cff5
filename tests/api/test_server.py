"""The gateway as a process of its own, from start to SIGTERM."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from api.server import serve_gateway
from overnight.config import Settings
from overnight.domain.errors import InvalidConfig
from tests.ports import free_port

PROGRAM = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from api.server import serve_gateway
from overnight.config import LocalStorageSettings, Settings
from overnight.logs import configure_logging

async def connect():
    return object()

folder = Path(sys.argv[1])
configure_logging(process="gateway")
settings = Settings(
    deployments=(),
    default_model=None,
    storage=LocalStorageSettings(folder / "files"),
    database_url=f"sqlite+aiosqlite:///{folder}/catalog.db",
    master_key=None,
    poll_initial=timedelta(seconds=5),
    poll_max=timedelta(seconds=60),
    data_dir=folder,
)
asyncio.run(serve_gateway(settings, host="0.0.0.0", port=int(sys.argv[2]), connect=connect))
print("closed")
"""


@asynccontextmanager
async def gateway(folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program until it answers, and kill it in the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(folder),
        str(port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await answers(port, process)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until somebody listens on the port."""
    async with asyncio.timeout(30), httpx2.AsyncClient(trust_env=False) as http:
        while True:
            try:
                await http.get(f"http://127.0.0.1:{port}/health/liveliness")
            except httpx2.ConnectError:
                assert process.returncode is None, (await process.communicate())[1].decode()
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_and_it_closes_what_it_opened(tmp_path: Path, stop: signal.Signals) -> None:
    port = free_port()
    async with gateway(tmp_path, port) as process:
        process.send_signal(stop)
        output, log = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, log.decode()
    assert output == b"closed\n"
    assert b"gateway_stopped" in log


async def test_without_a_master_key_it_listens_on_loopback_only_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    async with gateway(tmp_path, port) as process:
        process.terminate()
        _, log = await asyncio.wait_for(process.communicate(), 30)
    assert b"no_master_key" in log
    assert f"127.0.0.1:{port}".encode() in log


async def test_what_a_killed_writer_left_is_gone_when_it_answers(tmp_path: Path) -> None:
    draft = tmp_path / "files" / ".incoming" / "draft"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half a file")
    async with gateway(tmp_path, free_port()):
        assert not draft.exists()


async def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    async def connect() -> None:
        pytest.fail("nothing is opened before the port is ours")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidConfig, match=f"127.0.0.1:{port}"):
            await serve_gateway(
                replace(settings, master_key="sk-1234"),
                host="127.0.0.1",
                port=port,
                connect=connect,  # type: ignore[arg-type]
            )
