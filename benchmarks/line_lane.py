"""What the line lane costs a line, beside a bare aiohttp loop that only posts and reads.

    python -m benchmarks.line_lane --lines 10000 50000 --repeats 5

Both run on uvloop with the same connections against the same endpoint in another process, taking turns;
medians are printed. CPU is this process's, its threads included. The lane does all that it does in a worker:
reads the input from storage, rewrites the model, checks every answer, and keeps checkpoints with fsync.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp
import uvloop

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.plan import MAX_CHUNK_LINES, Chunk
from overnight.line_lane.chunk import ChunkTask, run_chunk
from overnight.line_lane.lane import LineLane
from overnight.storage.local import LocalStorage

_PROMPT = "Say in one sentence why the sky over the sea is blue on a clear day, and who found out. " * 2
_BATCH = "batch_benchmark"
_INPUT = "files/benchmark"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    lines: int
    wall_seconds: float
    cpu_seconds: float

    @property
    def lines_per_second(self) -> float:
        """Lines a second of wall time."""
        return self.lines / self.wall_seconds

    @property
    def cpu_per_line(self) -> float:
        """Microseconds of CPU a line."""
        return self.cpu_seconds / self.lines * _MICROSECONDS


async def bare_loop(lines: list[bytes], *, base_url: str, connections: int) -> None:
    """Post every line and read every answer, and nothing else."""
    left = iter(lines)
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post_lines() -> None:
            headers = {"Content-Type": "application/json"}
            for line in left:
                async with session.post(
                    f"{base_url}/chat/completions", data=line, headers=headers
                ) as response:
                    await response.read()

        await asyncio.gather(*(post_lines() for _ in range(connections)))


async def line_lane(lines: list[bytes], *, base_url: str, connections: int, chunks_at_once: int) -> None:
    """Run the lines as a worker does: chunk by chunk, a few chunks at once, checkpoints on the disk."""
    deployment = Deployment(
        id="dep_benchmark",
        model_name="my-model",
        provider="hosted_vllm",
        model="instant",
        api_base=base_url,
        max_parallel_requests=connections,
    )
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        storage = LocalStorage(Path(folder))
        await storage.put(_INPUT, _all_of(lines))
        waiting = iter(enumerate(_chunks(lines)))
        async with LineLane() as lane:

            async def run_chunks() -> None:
                for number, chunk in waiting:
                    task = ChunkTask(
                        batch_id=_BATCH,
                        input_key=_INPUT,
                        endpoint=Endpoint.CHAT_COMPLETIONS,
                        shard=0,
                        number=number,
                        chunk=chunk,
                        attempt="1",
                    )
                    done = await run_chunk(
                        lane, storage, task=task, deployment=deployment, report=lambda _: None
                    )
                    assert done.counts.completed == chunk.lines

            await asyncio.gather(*(run_chunks() for _ in range(chunks_at_once)))


async def _all_of(lines: list[bytes]) -> AsyncIterator[bytes]:
    for start in range(0, len(lines), MAX_CHUNK_LINES):
        yield b"".join(lines[start : start + MAX_CHUNK_LINES])


def _chunks(lines: list[bytes]) -> Iterator[Chunk]:
    offset = 0
    for start in range(0, len(lines), MAX_CHUNK_LINES):
        some = lines[start : start + MAX_CHUNK_LINES]
        length = sum(map(len, some))
        yield Chunk(offset, length, start, len(some))
        offset += length


def _input_lines(count: int) -> list[bytes]:
    return [
        json.dumps(
            {
                "custom_id": f"request-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": "my-model",
                    "max_tokens": 64,
                    "messages": [{"role": "user", "content": f"{number}. {_PROMPT}"}],
                },
            }
        ).encode()
        + b"\n"
        for number in range(count)
    ]


def measure(run: Callable[[], Awaitable[None]], *, lines: int) -> Cost:
    """Run once in an event loop of its own."""

    async def timed() -> Cost:
        wall, cpu = time.perf_counter(), time.process_time()
        await run()
        return Cost(lines, time.perf_counter() - wall, time.process_time() - cpu)

    return uvloop.run(timed())


@contextmanager
def instant_endpoint() -> Iterator[str]:
    """Serve the endpoint in a process of its own; yields its base URL."""
    command = [sys.executable, "-m", "benchmarks.instant_endpoint"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.terminate()


def compare(lines: int, *, base_url: str, repeats: int, connections: int, chunks_at_once: int) -> None:
    """Measure both in turn and print their medians."""
    given = _input_lines(lines)
    bare: list[Cost] = []
    lane: list[Cost] = []
    for _ in range(repeats):
        bare.append(
            measure(lambda: bare_loop(given, base_url=base_url, connections=connections), lines=lines)
        )
        lane.append(
            measure(
                lambda: line_lane(
                    given, base_url=base_url, connections=connections, chunks_at_once=chunks_at_once
                ),
                lines=lines,
            )
        )
    ratios = [full.cpu_per_line / plain.cpu_per_line for full, plain in zip(lane, bare, strict=True)]
    for name, costs in (("bare loop", bare), ("line lane", lane)):
        print(
            f"{lines:>7,} lines  {name}: {median(c.lines_per_second for c in costs):>8,.0f} lines/s"
            f"  {median(c.cpu_per_line for c in costs):>6.1f} µs CPU a line"
        )
    print(
        f"{lines:>7,} lines  ratio of CPU a line: {median(ratios):.2f}  ({min(ratios):.2f}-{max(ratios):.2f})"
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="the line lane's cost beside a bare aiohttp loop")
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--chunks-at-once", type=int, default=3, help="as many as one shard has")
    asked = parser.parse_args()
    with instant_endpoint() as base_url:
        for lines in asked.lines:
            compare(
                lines,
                base_url=base_url,
                repeats=asked.repeats,
                connections=asked.connections,
                chunks_at_once=asked.chunks_at_once,
            )


if __name__ == "__main__":
    main()
