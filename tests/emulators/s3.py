"""S3 as moto serves it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3

from overnight.storage.s3 import S3Storage
from overnight.storage.sending import PART_BYTES
from overnight.storage.settings import S3Settings
from tests.emulators.processes import running
from tests.ports import free_port

REGION = "us-west-2"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/EXAMPLEKEY"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str = "s3") -> Any:
        """Return a client of one of its services, which may do everything."""
        session = boto3.session.Session(KEY_ID, SECRET, region_name=REGION)
        return session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    def new_bucket(self) -> "S3Bucket":
        """Make an empty bucket."""
        name = f"bucket-{uuid4().hex}"
        where = {"LocationConstraint": REGION}
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration=where)
        return S3Bucket(self, name)


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """A bucket of its own; see Bucket."""

    server: S3Server
    bucket: str

    @property
    def port(self) -> int:
        return self.server.port

    def settings(self, *, port: int | None = None, name: str | None = None, prefix: str = "") -> S3Settings:
        return S3Settings(
            bucket=name or self.bucket,
            region=REGION,
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
            endpoint_url=f"http://127.0.0.1:{port or self.port}",
            prefix=prefix,
        )

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
    ) -> S3Storage:
        return S3Storage(self.settings(port=port, name=name, prefix=prefix), part_bytes=part_bytes)

    def names(self) -> list[str]:
        pages = self.server.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def write(self, name: str, content: bytes) -> None:
        self.server.client().put_object(Bucket=self.bucket, Key=name, Body=content)

    def unfinished(self) -> int:
        return len(self.server.client().list_multipart_uploads(Bucket=self.bucket).get("Uploads", ()))

    def last_request_of(self, name: str, size: int) -> bytes:
        return f"POST /{self.bucket}/{name}?uploadId=".encode()


@contextmanager
def s3_server(folder: Path, **environ: str) -> Iterator[S3Server]:
    """Run S3, empty, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--port", str(port)]
    # Lists come in small pages, so that there is more than one.
    everything = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "3", **environ}
    with running(command, port=port, log=folder / f"s3-{port}.log", environ=everything):
        yield S3Server(port)
