"""Google Cloud Storage as gcp-storage-emulator serves it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from overnight.storage.gcs import GcsStorage
from overnight.storage.sending import PART_BYTES
from overnight.storage.settings import GcsSettings
from tests.emulators.processes import running
from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class GcsServer:
    """A running Google Cloud Storage."""

    port: int

    @property
    def url(self) -> str:
        """What goes into STORAGE_EMULATOR_HOST."""
        return f"http://127.0.0.1:{self.port}"

    def new_bucket(self) -> "GcsBucket":
        """Make an empty bucket."""
        name = f"bucket-{uuid4().hex}"
        httpx2.post(f"{self.url}/storage/v1/b", json={"name": name}, timeout=60).raise_for_status()
        return GcsBucket(self, name)


@dataclass(frozen=True, slots=True)
class GcsBucket:
    """A bucket of its own; see Bucket."""

    server: GcsServer
    bucket: str

    @property
    def port(self) -> int:
        return self.server.port

    def settings(self, *, prefix: str = "") -> GcsSettings:
        return GcsSettings(bucket=self.bucket, prefix=prefix)

    @property
    def read_at_once(self) -> int:
        return 0

    @property
    def can_be_told_to_give_up(self) -> bool:
        return True

    def storage(
        self,
        *,
        port: int | None = None,
        name: str | None = None,
        prefix: str = "",
        part_bytes: int = PART_BYTES,
    ) -> GcsStorage:
        return GcsStorage(
            name or self.bucket,
            prefix=prefix,
            endpoint_url=f"http://127.0.0.1:{port or self.port}",
            part_bytes=part_bytes,
        )

    def names(self) -> list[str]:
        found = self._get(f"/storage/v1/b/{self.bucket}/o", maxResults=1_000)
        return [item["name"] for item in found["items"]]

    def write(self, name: str, content: bytes) -> None:
        url = f"{self.server.url}/upload/storage/v1/b/{self.bucket}/o"
        query = {"uploadType": "media", "name": name}
        httpx2.post(url, params=query, content=content, timeout=60).raise_for_status()

    def unfinished(self) -> int:
        return len(self._get(f"/upload/storage/v1/b/{self.bucket}/o"))

    def last_request_of(self, name: str, size: int) -> bytes:
        return f"/{size}\r\n".encode()

    def _get(self, path: str, **query: int) -> Any:
        return httpx2.get(f"{self.server.url}{path}", params=query, timeout=60).raise_for_status().json()


@contextmanager
def gcs_server(folder: Path) -> Iterator[GcsServer]:
    """Run Google Cloud Storage, empty, until the block ends."""
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("gcs_server.py")), str(port)]
    with running(command, port=port, log=folder / f"gcs-{port}.log"):
        yield GcsServer(port)
