"""One side of benchmarks/storage.py: puts an object or gets it, once, and says what it took.

    python -m benchmarks.storage_side s3|gcs|azure overnight|sdk put|get PORT BUCKET MEGABYTES

A side makes small requests first, so that it is connected when what is measured begins.
"""

import io
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import psutil
import uvloop
from azure.storage.blob.aio import ContainerClient
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from overnight.storage.opening import BucketStorage
from tests.emulators.azure import AzureContainer, AzureServer
from tests.emulators.gcs import GcsBucket, GcsServer
from tests.emulators.s3 import S3Bucket, S3Server

MIB = 2**20
BLOCK = bytes(range(256)) * (MIB // 256)
WARM_UP = "files/warm-up"
MEASURED = "files/measured"


class Side(Protocol):
    """A way to put an object of so many blocks, and to get it and return how many bytes it had."""

    async def put(self, name: str, count: int) -> None:
        """Write an object."""
        ...

    async def get(self, name: str) -> int:
        """Read an object."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...


class Overnight:
    """A store of ours."""

    def __init__(self, storage: BucketStorage) -> None:
        self._storage = storage

    async def put(self, name: str, count: int) -> None:
        """Write an object."""
        await self._storage.put(name, blocks(count))

    async def get(self, name: str) -> int:
        """Read an object."""
        return sum([len(block) async for block in self._storage.get(name)])

    async def close(self) -> None:
        """Close it."""
        await self._storage.close()


class Boto3:
    """boto3's managed upload, which uses ten threads, and the body of its answer, read to the end."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._client, self._bucket = bucket.server.client(), bucket.bucket

    async def put(self, name: str, count: int) -> None:
        """Write an object."""
        self._client.upload_fileobj(Blocks(count), self._bucket, name)

    async def get(self, name: str) -> int:
        """Read an object."""
        body = self._client.get_object(Bucket=self._bucket, Key=name)["Body"]
        return sum(map(len, body.iter_chunks(MIB)))

    async def close(self) -> None:
        """Do nothing."""


class GoogleCloudStorage:
    """google-cloud-storage's files; its parts are as large as ours, since the emulator copies with each."""

    def __init__(self, bucket: GcsBucket) -> None:
        options = {"api_endpoint": bucket.server.url}
        client = Client("night", credentials=AnonymousCredentials(), client_options=options)
        self._bucket = client.bucket(bucket.bucket)

    async def put(self, name: str, count: int) -> None:
        """Write an object."""
        with self._bucket.blob(name).open("wb", chunk_size=8 * MIB, ignore_flush=True) as file:
            for _ in range(count):
                file.write(BLOCK)

    async def get(self, name: str) -> int:
        """Read an object."""
        sink = Sink()
        self._bucket.blob(name).download_to_file(sink)
        return sink.size

    async def close(self) -> None:
        """Do nothing."""


class AzureStorageBlob:
    """azure-storage-blob's upload of a file, and its download in chunks."""

    def __init__(self, bucket: AzureContainer) -> None:
        self._client = ContainerClient.from_connection_string(bucket.connection_string(), bucket.bucket)

    async def put(self, name: str, count: int) -> None:
        """Write an object."""
        await self._client.upload_blob(name, Blocks(count), overwrite=True)

    async def get(self, name: str) -> int:
        """Read an object."""
        download = await self._client.download_blob(name)
        return sum([len(chunk) async for chunk in download.chunks()])

    async def close(self) -> None:
        """Close it."""
        await self._client.close()


class Blocks(io.RawIOBase):
    """A file of so many blocks, for SDKs that read files."""

    def __init__(self, count: int) -> None:
        self._left = count * MIB

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read as a file does."""
        taken = self._left if size < 0 else min(size, self._left)
        self._left -= taken
        return (BLOCK * (taken // MIB + 1))[:taken]


class Sink(io.RawIOBase):
    """A file that counts what is written to it."""

    def __init__(self) -> None:
        self.size = 0

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def write(self, data: bytes) -> int:
        """Count the bytes."""
        self.size += len(data)
        return len(data)


async def blocks(count: int) -> AsyncIterator[bytes]:
    """Yield so many blocks."""
    for _ in range(count):
        yield BLOCK


SIDES: dict[str, Callable[[int, str], Side]] = {
    "s3 overnight": lambda port, name: Overnight(S3Bucket(S3Server(port), name).storage()),
    "gcs overnight": lambda port, name: Overnight(GcsBucket(GcsServer(port), name).storage()),
    "azure overnight": lambda port, name: Overnight(AzureContainer(AzureServer(port), name).storage()),
    "s3 sdk": lambda port, name: Boto3(S3Bucket(S3Server(port), name)),
    "gcs sdk": lambda port, name: GoogleCloudStorage(GcsBucket(GcsServer(port), name)),
    "azure sdk": lambda port, name: AzureStorageBlob(AzureContainer(AzureServer(port), name)),
}


async def measure(make: Callable[[], Side], what: str, count: int) -> None:
    """Put or get, and print how long it took and by how much the process grew at most."""
    side = make()
    await side.put(WARM_UP, 1)
    await side.get(WARM_UP)
    before, cpu, started = psutil.Process().memory_info().rss, time.process_time(), time.perf_counter()
    if what == "put":
        await side.put(MEASURED, count)
    else:
        assert await side.get(MEASURED) == count * MIB
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "cpu": time.process_time() - cpu, "growth": peak() - before}))
    await side.close()


def peak() -> int:
    """Return how many bytes the process has had at most."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def main() -> None:
    """Do what the command line says."""
    backend, side, what, port, bucket, count = sys.argv[1:]
    make = SIDES[f"{backend} {side}"]
    uvloop.run(measure(lambda: make(int(port), bucket), what, int(count)))


if __name__ == "__main__":
    main()
