"""Objects in a container of Azure Blob.

A small object is one request. A large one is sent in blocks, several at once, and is not there before the
list of them is. Reading goes on from where it broke off.

It is Azure's own SDK without adlfs, which writes from a thread of its own only, and reads ranges into memory
whole.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob.aio import BlobClient, ContainerClient, StorageStreamDownloader

from overnight.domain.errors import ObjectNotFound, StorageUnavailable
from overnight.storage.azure_blob_client import connect, patience
from overnight.storage.azure_blob_errors import CHANGED, NO_SUCH_RANGE, storage_error
from overnight.storage.azure_blob_signing import AzureBlobSigner
from overnight.storage.azure_blob_upload import BlockUpload
from overnight.storage.blocks import BLOCK_BYTES
from overnight.storage.keys import require_key, require_prefix
from overnight.storage.prefixes import Prefix
from overnight.storage.probe import probe
from overnight.storage.protocol import FoundObject, StoredObject
from overnight.storage.reading_ahead import ahead
from overnight.storage.resuming import ConnectionBroke, ObjectReplaced, resumed
from overnight.storage.sending import PART_BYTES, Part, parts, send_all
from overnight.storage.settings import AzureBlobSettings

_FOLDER = "hdi_isfolder"
"""What accounts with folders mark those with, when they list them among the objects."""


class AzureBlobStorage:
    """A Storage in a container of Azure Blob. It connects when it is first used, on that event loop.

    Parts of a large object have `part_bytes` at first.
    """

    def __init__(self, settings: AzureBlobSettings, *, part_bytes: int = PART_BYTES) -> None:
        self._settings = settings
        self._prefix = Prefix(settings.prefix)
        self._part_bytes = part_bytes
        self._opened = AsyncExitStack()
        self._client: ContainerClient | None = None
        self._signer: AzureBlobSigner | None = None
        self._connecting = asyncio.Lock()

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        """Store `content`; see Storage. A cancel that comes during the last request may come too late."""
        blob = await self._blob(key)
        async with aclosing(parts(content, part_bytes=self._part_bytes)) as cut:
            first = await anext(cut)
            if first.is_last:
                # Checkpoints are like that, and there are many: one request will do.
                with self._translating(key):
                    await blob.upload_blob(first.content, length=first.end, overwrite=True)
                return StoredObject(key, first.end)
            return StoredObject(key, await self._put_large(key, blob, first, cut))

    async def _put_large(self, key: str, blob: BlobClient, first: Part, rest: AsyncIterator[Part]) -> int:
        upload = BlockUpload(blob)

        async def send(part: Part) -> None:
            with self._translating(key):
                await upload.send(part)

        size = await send_all(first, rest, send)
        with self._translating(key):
            await upload.publish()
        return size

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream a range of the object; see Storage. One that is replaced is read to its end, or fails."""
        if end is not None and end <= start:
            await self.size(key)  # It may not be there, and no request is for nothing of it.
            return
        blob = await self._blob(key)
        async with aclosing(resumed(key, partial(self._open, key, blob, end), start=start)) as blocks:
            async for block in blocks:
                yield block

    async def size(self, key: str) -> int:
        """Return the object's size in bytes; see Storage."""
        blob = await self._blob(key)
        with self._translating(key):
            return (await blob.get_blob_properties()).size

    async def delete(self, key: str) -> None:
        """Remove the object, if there is one; see Storage."""
        blob = await self._blob(key)
        with suppress(ObjectNotFound), self._translating(key):
            await blob.delete_blob(delete_snapshots="include")

    async def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield the objects below `prefix` in order; see Storage. A few thousand at a time are in memory."""
        client = await self._connected(prefix)
        begin = self._prefix.name(require_prefix(prefix))
        with self._translating(prefix):
            async for found in client.list_blobs(name_starts_with=begin, include=["metadata"]):
                if _FOLDER not in (found.metadata or ()):
                    yield FoundObject(self._prefix.key(found.name), found.size, found.last_modified)

    async def signed_url(self, key: str, *, filename: str, expires_in: timedelta) -> str:
        """Return a URL with a shared access signature; see SignsUrls."""
        blob = await self._blob(key)
        self._signer = self._signer or AzureBlobSigner(await self._connected(key), patience())
        with self._translating(key):
            return await self._signer.sign(key, blob, filename=filename, expires_in=expires_in)

    async def free_bytes(self) -> int | None:
        """Return None: a container has no bound."""
        return None

    async def check(self) -> None:
        """Raise StorageUnavailable unless it can be done; see Storage."""
        await probe(self)

    async def close(self) -> None:
        """Close the connections."""
        await self._opened.aclose()

    async def _open(
        self, key: str, blob: BlobClient, end: int | None, at: int, version: str | None
    ) -> "_Opened | None":
        pinned: dict[str, Any] = (
            {"etag": version, "match_condition": MatchConditions.IfNotModified} if version else {}
        )
        length = None if end is None else end - at
        with self._translating(key):
            try:
                answer = await blob.download_blob(offset=at, length=length, max_concurrency=1, **pinned)
            except HttpResponseError as error:
                if error.status_code == NO_SUCH_RANGE:
                    return None
                if error.status_code == CHANGED:
                    raise ObjectReplaced from error
                if error.status_code is None:
                    raise ConnectionBroke from error  # In the middle of the first chunk.
                raise
        return _Opened(answer, at=at)

    async def _blob(self, key: str) -> BlobClient:
        name = self._prefix.name(require_key(key))
        return (await self._connected(key)).get_blob_client(name)

    async def _connected(self, key: str) -> ContainerClient:
        async with self._connecting:
            if self._client is None:
                try:
                    self._client = await connect(self._settings, self._opened)
                except ValueError as error:
                    raise StorageUnavailable("Azure's connection string is none", key=key) from error
            return self._client

    @contextmanager
    def _translating(self, key: str) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            raise storage_error(error, key=key, settings=self._settings) from error


class _Opened:
    """An answer of which the first chunk has been read; see Opened."""

    def __init__(self, answer: StorageStreamDownloader[bytes], *, at: int) -> None:
        self._answer = answer
        self.version = str(answer.properties.etag)
        self.end = at + answer.size

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body; see Opened. Each chunk is asked for with the version of the first."""
        async with aclosing(ahead(self._chunks())) as chunks:
            async for chunk in chunks:
                for at in range(0, len(chunk), BLOCK_BYTES):
                    yield chunk[at : at + BLOCK_BYTES]

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in self._answer.chunks():
                yield chunk
        except AzureError as error:
            # Also when the object was replaced: that is said when it is asked for once more.
            raise ConnectionBroke from error
