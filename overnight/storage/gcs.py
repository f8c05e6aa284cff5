"""Objects in a bucket of Google Cloud Storage.

A small object is one request. A large one is a resumable upload: sent in parts, and not there before the
last. Reading goes on from where it broke off, in the same generation of the object.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from overnight.domain.errors import ObjectNotFound
from overnight.storage.gcs_upload import ResumableUpload
from overnight.storage.keys import require_key, require_prefix
from overnight.storage.prefixes import Prefix
from overnight.storage.probe import probe
from overnight.storage.protocol import FoundObject, StoredObject
from overnight.storage.resuming import Opened, resumed
from overnight.storage.sending import PART_BYTES, Part, parts, send_all
from overnight.storage.threads import in_thread, to_its_end

if TYPE_CHECKING:
    from overnight.storage.gcs_client import GcsClient
    from overnight.storage.gcs_signing import GcsSigner

_OBJECTS = "b/{}/o"
_OBJECT = "b/{}/o/{}"


class GcsStorage:
    """A Storage in the bucket `bucket`, under names that begin with `prefix`.

    `credentials` are a path or the JSON itself of a service account, "anonymous", or None: what google-auth
    finds. It connects when it is first used, on that event loop; if STORAGE_EMULATOR_HOST names an emulator,
    to that one, and as nobody. Parts of a large object have `part_bytes` at first, a multiple of 256 KiB.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        credentials: str | None = None,
        endpoint_url: str | None = None,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._bucket = bucket
        self._prefix = Prefix(prefix)
        self._credentials = credentials
        self._endpoint_url = endpoint_url
        self._part_bytes = part_bytes
        self._client: GcsClient | None = None
        self._signer: GcsSigner | None = None
        self._connecting = asyncio.Lock()

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        """Store `content`; see Storage. A cancel that comes during the last request may come too late."""
        name = self._name(key)
        async with aclosing(parts(content, part_bytes=self._part_bytes)) as cut:
            first = await anext(cut)
            if first.is_last:
                # Checkpoints are like that, and there are many: one request will do.
                await self._put_small(key, name, first)
                return StoredObject(key, first.end)
            return StoredObject(key, await self._put_large(key, name, first, cut))

    async def _put_small(self, key: str, name: str, all_of_it: Part) -> None:
        request = {"uploadType": "media", "name": name, "data": BytesIO(all_of_it.content)}
        async with self._asking(key) as client:
            await client.ask("POST", client.uploads, self._bucket, **request)

    async def _put_large(self, key: str, name: str, first: Part, rest: AsyncIterator[Part]) -> int:
        upload = ResumableUpload(partial(self._asking, key), bucket=self._bucket, name=name, key=key)
        try:
            await to_its_end(upload.begin())
            # One is sent while the next one is filled; Google takes no two at once.
            return await send_all(first, rest, upload.send, in_flight_bytes=0)
        except BaseException:
            await to_its_end(upload.discard())
            raise

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream a range of the object; see Storage. One that is replaced is read to its end, or fails."""
        if end is not None and end <= start:
            await self.size(key)  # It may not be there, and no request is for nothing of it.
            return
        async with aclosing(resumed(key, partial(self._open, key, end), start=start)) as blocks:
            async for block in blocks:
                yield block

    async def size(self, key: str) -> int:
        """Return the object's size in bytes; see Storage."""
        async with self._asking_of_object(key) as client:
            found = await client.ask("GET", _OBJECT, self._bucket, self._name(key), fields="size")
        return int(found["size"])

    async def delete(self, key: str) -> None:
        """Remove the object, if there is one; see Storage."""
        with suppress(ObjectNotFound):
            async with self._asking_of_object(key) as client:
                await client.ask("DELETE", _OBJECT, self._bucket, self._name(key))

    async def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield the objects below `prefix` in order; see Storage. A thousand at a time are in memory."""
        query = {
            "prefix": self._prefix.name(require_prefix(prefix)),
            "fields": "items(name,size,timeCreated),nextPageToken",
        }
        while True:
            async with self._asking(prefix) as client:
                page = await client.ask("GET", _OBJECTS, self._bucket, **query)
            for found in page.get("items", ()):
                written_at = datetime.fromisoformat(found["timeCreated"])
                yield FoundObject(self._prefix.key(found["name"]), int(found["size"]), written_at)
            if not (token := page.get("nextPageToken")):
                return
            query["pageToken"] = token

    async def signed_url(self, key: str, *, filename: str, expires_in: timedelta) -> str:
        """Return a signed URL; see SignsUrls. Where the account's key is Google's to keep, IAM is asked."""
        name = self._name(key)
        async with self._asking(key) as client:
            if self._signer is None:
                self._signer = await in_thread(self._able_to_sign, client)
        return await in_thread(self._signer.sign, key, name, filename=filename, expires_in=expires_in)

    async def free_bytes(self) -> int | None:
        """Return None: a bucket has no bound."""
        return None

    async def check(self) -> None:
        """Raise StorageUnavailable unless it can be done; see Storage."""
        await probe(self)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.shut()

    def _name(self, key: str) -> str:
        return self._prefix.name(require_key(key))

    async def _open(self, key: str, end: int | None, at: int, version: str | None) -> Opened | None:
        # A compressed object comes as it is kept; by default it would be unpacked on its way.
        headers = {"Accept-Encoding": "gzip"}
        if at or end is not None:
            headers["Range"] = f"bytes={at}-{'' if end is None else end - 1}"
        request = {"headers": headers, "alt": "media", "generation": version or None}
        async with self._asking_of_object(key) as client:
            opened: Opened | None = await client.opened(_OBJECT, self._bucket, self._name(key), **request)
        return opened

    @asynccontextmanager
    async def _asking(self, key: str) -> "AsyncIterator[GcsClient]":
        async with self._connecting:
            if self._client is None:
                self._client = await in_thread(self._connected, key)
        async with self._client.asking(bucket=self._bucket, key=key):
            yield self._client

    @asynccontextmanager
    async def _asking_of_object(self, key: str) -> "AsyncIterator[GcsClient]":
        async with self._asking(key) as client:
            try:
                yield client
            except FileNotFoundError as error:
                # It does not say what there is none of: the object, or the whole bucket.
                await client.ask("GET", _OBJECTS, self._bucket, maxResults="1", fields="nextPageToken")
                raise ObjectNotFound(key) from error

    def _able_to_sign(self, client: "GcsClient") -> "GcsSigner":
        from overnight.storage.gcs_signing import GcsSigner  # noqa: PLC0415 - see below

        return GcsSigner(self._bucket, client.credentials.credentials, endpoint_url=client.address)

    def _connected(self, key: str) -> "GcsClient":
        # Imported for those who use it only, and in a thread: it takes its time.
        from overnight.storage.gcs_client import connect  # noqa: PLC0415 - see above

        return connect(self._credentials, endpoint_url=self._endpoint_url, key=key)
