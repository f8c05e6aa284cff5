"""How long it takes to remove what a batch ran on from a bucket, beside one object after the other.

    .venv/bin/python -m benchmarks.removing [s3|azure] --objects 1000 --rounds 3 --milliseconds 20

The buckets are the tests' emulators, on this machine: a bucket that is further away takes its time for each
answer, which `--milliseconds` adds. The two ways take turns.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from overnight.storage.abreast import abreast
from overnight.storage.protocol import Storage
from tests.emulators.azure import azure_server
from tests.emulators.bucket import Bucket
from tests.emulators.proxy import proxy_to
from tests.emulators.s3 import s3_server

# The tests' S3 lists in pages of three.
SERVERS: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
    "s3": partial(s3_server, MOTO_S3_DEFAULT_MAX_KEYS="1000"),
    "azure": azure_server,
}
PREFIX = "work/batch_1/"


async def one_after_the_other(storage: Storage) -> None:
    """Remove them as a loop does."""
    async for found in storage.list(PREFIX):
        await storage.delete(found.key)


async def several_at_once(storage: Storage) -> None:
    """Remove them as `tidy` does."""
    await abreast((found.key async for found in storage.list(PREFIX)), storage.delete)


WAYS: dict[str, Callable[[Storage], Awaitable[None]]] = {
    "one after the other": one_after_the_other,
    "several at once": several_at_once,
}


async def compare(bucket: Bucket, *, objects: int, rounds: int, milliseconds: float) -> None:
    """Fill the bucket and empty it, in both ways in turn."""
    took: dict[str, list[float]] = {way: [] for way in WAYS}
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(proxy_to(bucket.port))
        network.delay = milliseconds / 1000
        near, far = bucket.storage(), bucket.storage(port=network.port if milliseconds else None)
        stack.push_async_callback(near.close)
        stack.push_async_callback(far.close)
        await far.check()
        for _ in range(rounds):
            for way, remove in WAYS.items():
                await abreast(range(objects), lambda number: near.put(f"{PREFIX}{number:06d}", _content()))
                began = time.monotonic()
                await remove(far)
                took[way].append(time.monotonic() - began)
                assert not bucket.names()
    slow, fast = (statistics.median(took[way]) for way in WAYS)
    for way in WAYS:
        print(f"  {way:20s} {statistics.median(took[way]):7.2f} s")
    print(f"  {'ratio':20s} {slow / fast:7.1f}")


async def _content() -> AsyncIterator[bytes]:
    yield b"x" * 1_000


def main() -> None:
    """Compare the backends that the command line names, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backends", nargs="*", choices=[*SERVERS, []])
    parser.add_argument("--objects", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--milliseconds", type=float, default=0.0)
    said = parser.parse_args()
    for backend in said.backends or SERVERS:
        print(f"{backend}: {said.objects} objects, {said.rounds} rounds, {said.milliseconds:g} ms away")
        with (
            tempfile.TemporaryDirectory(prefix="overnight-removing-") as folder,
            SERVERS[backend](Path(folder)) as server,
        ):
            how = {"objects": said.objects, "rounds": said.rounds, "milliseconds": said.milliseconds}
            asyncio.run(compare(server.new_bucket(), **how))


if __name__ == "__main__":
    main()
