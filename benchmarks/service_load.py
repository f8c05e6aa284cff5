"""What `service.py` has its rivals do, and what that takes: calls one after the other, a crowd, an upload.

The client is aiohttp, in this process, and its own work is in no figure of CPU.
"""

import asyncio
import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.service_rivals import Rival

Figures = Mapping[str, float]
"""What was measured in one turn, by the name it is printed under."""

BLOCK_BYTES = 2**20
_MILLI = 1e3
_MEGA = 1e6


class Client:
    """A client of one rival, on as many connections as it has calls under way."""

    def __init__(self, rival: Rival) -> None:
        self.rival = rival
        headers = {"Authorization": f"Bearer {rival.key}"}
        # Servers close what is idle for some seconds, and an upload could begin just then.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
        timeout = aiohttp.ClientTimeout(total=600)
        self._session = aiohttp.ClientSession(
            rival.origin, headers=headers, connector=connector, timeout=timeout
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def poll(self, batch_id: str) -> str:
        """Return a batch's status."""
        return str((await self._call("GET", f"/v1/batches/{batch_id}"))["status"])

    async def create(self, file_id: str) -> str:
        """Create a batch of a file that is there, and return its id."""
        wanted = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        return str((await self._call("POST", "/v1/batches", json=wanted))["id"])

    async def upload(self, path: Path) -> str:
        """Upload a batch's input as a form, read from the disk block by block, and return the file's id."""
        boundary = secrets.token_hex(16)
        before, after = _form(path.name, boundary)
        # With its length, as the SDKs send it: without one it would go in HTTP's chunks.
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(before) + _size(path) + len(after)),
        }
        body = _body(before, path, after)
        return str((await self._call("POST", "/v1/files", data=body, headers=headers))["id"])

    async def delete(self, file_id: str) -> None:
        """Delete a file."""
        await self._call("DELETE", f"/v1/files/{file_id}")

    async def _call(self, verb: str, path: str, **sent: Any) -> dict[str, Any]:  # noqa: ANN401 - handed on
        async with self._session.request(verb, path, **sent) as response:
            said = await response.read()
        if response.status != 200:
            raise RuntimeError(f"{self.rival.name}: {verb} {path}: {response.status} {said[:500]!r}")
        return dict(json.loads(said))


def _size(path: Path) -> int:
    return path.stat().st_size


def _form(filename: str, boundary: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the file's bytes."""
    before = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return before.encode(), f"\r\n--{boundary}--\r\n".encode()


async def _body(before: bytes, path: Path, after: bytes) -> AsyncIterator[bytes]:
    yield before
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
    yield after


async def one_by_one(client: Client, call: Callable[[], Awaitable[object]], *, count: int) -> Figures:
    """Make calls, each after the one before: what one takes, and what all processes and the gateway use."""
    waits: list[float] = []
    with _metered(client.rival) as used:
        for _ in range(count):
            await _timed(call, waits)
    return {**_percentiles(waits), **used(count)}


async def crowd(client: Client, batch_id: str, *, clients: int, seconds: float) -> Figures:
    """Have many clients poll at once, each as fast as it is answered, for so long."""
    waits: list[float] = []
    began = time.perf_counter()

    async def keep_polling() -> None:
        while time.perf_counter() - began < seconds:
            await _timed(lambda: client.poll(batch_id), waits)

    with _metered(client.rival) as used:
        await asyncio.gather(*(keep_polling() for _ in range(clients)))
    elapsed = time.perf_counter() - began
    return {"calls/s": len(waits) / elapsed, **_percentiles(waits), **used(len(waits))}


async def creates(
    client: Client,
    create: Callable[[], Awaitable[object]],
    *,
    count: int,
    at_provider: Callable[[int], Awaitable[None]],
    at_rest: bool,
) -> Figures:
    """Create batches, and wait until the provider works on all of them: `at_provider` waits for so many more.

    With `at_rest` each is created when the provider has the one before. What happens after the answers is in
    the CPU of all processes too.
    """
    waits: list[float] = []
    with _metered(client.rival) as used:
        for number in range(count):
            await _timed(create, waits)
            if at_rest:
                await at_provider(number + 1)
        await at_provider(count)
    return {**_percentiles(waits), **used(count)}


async def upload(client: Client, path: Path, *, at_rest: int) -> Figures:
    """Upload a file and delete it again. `at_rest` is what the gateway had in memory before it had any."""
    rival, megabytes = client.rival, _size(path) / _MEGA
    rival.forget_peak()
    began = time.perf_counter()
    with _metered(rival) as used:
        file_id = await client.upload(path)
    elapsed = time.perf_counter() - began
    peak = rival.peak()
    await client.delete(file_id)
    return {
        "MB/s": megabytes / elapsed,
        "ms CPU a MB": used(1)["ms CPU"] / megabytes,
        "MB in memory": peak / _MEGA,
        "MB grown": (peak - at_rest) / _MEGA,
    }


async def _timed(call: Callable[[], Awaitable[object]], waits: list[float]) -> None:
    began = time.perf_counter()
    await call()
    waits.append(time.perf_counter() - began)


@contextmanager
def _metered(rival: Rival) -> Iterator[Callable[[int], Figures]]:
    """Yield what says how much CPU each of so many calls has taken since."""
    tree, gateway = rival.cpu_seconds(), rival.gateway_cpu_seconds()

    def used(count: int) -> Figures:
        return {
            "ms CPU": (rival.cpu_seconds() - tree) / count * _MILLI,
            "ms CPU of the gateway": (rival.gateway_cpu_seconds() - gateway) / count * _MILLI,
        }

    yield used


def _percentiles(seconds: list[float]) -> Figures:
    cuts = statistics.quantiles(seconds, n=20)
    return {"ms median": statistics.median(seconds) * _MILLI, "ms p95": cuts[-1] * _MILLI}
