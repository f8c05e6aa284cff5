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

from api.server import listen, serve_gateway
from overnight.config import Settings
from overnight.domain.errors import InvalidConfig, SchemaMismatch
from tests.ports import free_port

PROGRAM = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from api.server import listen, serve_gateway
from api.stopping import Stopping
from overnight.catalog import upgrade
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
upgrade(settings.database_url)
stopping = Stopping(drain=timedelta(seconds=float(sys.argv[3])))
with listen(settings, "0.0.0.0", int(sys.argv[2])) as listener:
    asyncio.run(serve_gateway(settings, listener=listener, connect=connect, stopping=stopping))
print("closed")
"""


@asynccontextmanager
async def gateway(folder: Path, port: int, *, drain: float = 0) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program until it answers, and kill it in the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(folder),
        str(port),
        str(drain),
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
    async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False, timeout=60) as http:
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
        output, log = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, log.decode()
    assert output == b"closed\n"
    assert b"gateway_stopped" in log


async def test_without_a_master_key_it_listens_on_loopback_only_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    async with gateway(tmp_path, port) as process:
        process.terminate()
        _, log = await asyncio.wait_for(process.communicate(), 60)
    assert b"no_master_key" in log
    assert f"127.0.0.1:{port}".encode() in log


async def test_what_a_killed_writer_left_is_gone_when_it_answers(tmp_path: Path) -> None:
    draft = tmp_path / "files" / ".incoming" / "draft"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half a file")
    async with gateway(tmp_path, free_port()):
        assert not draft.exists()


def test_a_port_that_is_taken_is_named(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidConfig, match=f"127.0.0.1:{port}"):
            listen(replace(settings, master_key="sk-1234"), "127.0.0.1", port)


async def test_a_catalog_without_tables_is_not_served(settings: Settings, tmp_path: Path) -> None:
    async def connect() -> None:
        pytest.fail("nobody is asked for what can't be served")

    fresh = replace(settings, database_url=f"sqlite+aiosqlite:///{tmp_path}/fresh.db")
    with (
        listen(fresh, "127.0.0.1", 0) as listener,
        pytest.raises(SchemaMismatch, match="overnight db upgrade"),
    ):
        await serve_gateway(fresh, listener=listener, connect=connect)  # type: ignore[arg-type]
    assert not (tmp_path / "fresh.db").exists()


async def test_one_that_is_to_drain_says_so_while_it_still_serves(tmp_path: Path) -> None:
    port = free_port()
    async with (
        gateway(tmp_path, port, drain=600) as process,
        httpx2.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        process.terminate()
        async with asyncio.timeout(60):
            while (await ready(http, port))["status"] != "draining":  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
        assert (await http.get(f"http://127.0.0.1:{port}/health/liveness")).status_code == 200
        process.terminate()
        _, log = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, log.decode()
    assert b"gateway_draining" in log


async def ready(http: httpx2.AsyncClient, port: int) -> dict[str, str]:
    answer = await http.get(f"http://127.0.0.1:{port}/health/readiness")
    assert answer.status_code == 503
    said: dict[str, str] = answer.json()
    return said


async def test_an_upload_that_is_under_way_when_it_is_told_to_stop_is_taken_in(tmp_path: Path) -> None:
    port, stopped = free_port(), asyncio.Event()
    head = (
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'
    )
    # So much that it is being written before all of it is there.
    half = bytes(8 * 2**20)

    async def body() -> AsyncIterator[bytes]:
        yield head + half
        await stopped.wait()
        yield half + b"\r\n--x--\r\n"

    async with gateway(tmp_path, port) as process, httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        uploading = asyncio.create_task(
            http.post(
                f"http://127.0.0.1:{port}/v1/files",
                content=body(),
                headers={"content-type": "multipart/form-data; boundary=x"},
            )
        )
        async with asyncio.timeout(60):
            while not [*(tmp_path / "files").glob(".incoming/*")]:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.05)
        process.terminate()
        async with asyncio.timeout(60):
            while await is_listening(port):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.05)
        stopped.set()
        answer = await uploading
    assert (answer.status_code, answer.json()["bytes"]) == (200, 2 * len(half))


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
