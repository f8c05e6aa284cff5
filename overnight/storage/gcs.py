"""Objects in a bucket of Google Cloud Storage.

A small object is one request. A large one is a resumable upload: sent in parts, and not there before the
last. Reading goes on from where it broke off, in the same generation of the object.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial

import aiohttp

from overnight.domain.errors import ObjectNotFound, StorageError
from overnight.storage.blocks import BLOCK_BYTES
from overnight.storage.gcs_client import BROKE, Answer, Body, GcsClient, Request
from overnight.storage.gcs_credentials import GcsCredentials
from overnight.storage.gcs_errors import NO_SUCH_RANGE, NOT_FOUND, refusal
from overnight.storage.gcs_upload import ResumableUpload
from overnight.storage.keys import require_key, require_prefix
from overnight.storage.prefixes import Prefix
from overnight.storage.probe import probe
from overnight.storage.protocol import FoundObject, StoredObject
from overnight.storage.resuming import ConnectionBroke, end_of, resumed
from overnight.storage.sending import PART_BYTES, Part, parts, send_all
from overnight.storage.settings import ANONYMOUS
from overnight.storage.threads import to_its_end

EMULATOR = "STORAGE_EMULATOR_HOST"
"""The variable by which Google's own SDKs find an emulator. It is asked as nobody."""

_GOOGLE = "https://storage.googleapis.com"


class GcsStorage:
    """A Storage in the bucket `bucket`, under names that begin with `prefix`.

    `credentials` are a path or the JSON itself of a service account, "anonymous", or None: what google-auth
    finds. Parts of a large object have `part_bytes` at first, a multiple of 256 KiB. It belongs to the event
    loop that it is first used on.
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
        emulator = endpoint_url or os.environ.get(EMULATOR)
        self._bucket = bucket
        self._prefix = Prefix(prefix)
        self._part_bytes = part_bytes
        self._client = GcsClient(
            bucket,
            endpoint_url=_with_scheme(emulator) if emulator else _GOOGLE,
            credentials=GcsCredentials(credentials or (ANONYMOUS if emulator else None)),
        )

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
        address = self._client.uploads(uploadType="media", name=name)
        await self._ask(key, "POST", address, all_of_it.content)

    async def _put_large(self, key: str, name: str, first: Part, rest: AsyncIterator[Part]) -> int:
        upload = ResumableUpload(self._client, bucket=self._bucket, name=name, key=key)
        try:
            await to_its_end(upload.begin())
            # One is sent while the next one is filled; Google takes no two at once.
            return await send_all(first, rest, upload.send, in_flight_bytes=0)
        except BaseException:
            await to_its_end(upload.discard())
            raise

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream a range of the object; see Storage. One that is replaced is read to its end, or fails."""
        name = self._name(key)
        if end is not None and end <= start:
            await self.size(key)  # It may not be there, and no request is for nothing of it.
            return
        async with aclosing(resumed(key, partial(self._open, key, name, end), start=start)) as blocks:
            async for block in blocks:
                yield block

    async def size(self, key: str) -> int:
        """Return the object's size in bytes; see Storage."""
        answer = await self._ask_about(key, "GET", self._client.object(self._name(key), fields="size"))
        return int(answer.json()["size"])

    async def delete(self, key: str) -> None:
        """Remove the object, if there is one; see Storage."""
        with suppress(ObjectNotFound):
            await self._ask_about(key, "DELETE", self._client.object(self._name(key)))

    async def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield the objects below `prefix` in order; see Storage. A thousand at a time are in memory."""
        query = {
            "prefix": self._prefix.name(require_prefix(prefix)),
            "fields": "items(name,size,timeCreated),nextPageToken",
        }
        while True:
            page = (await self._ask(prefix, "GET", self._client.objects(**query))).json()
            for found in page.get("items", ()):
                written_at = datetime.fromisoformat(found["timeCreated"])
                yield FoundObject(self._prefix.key(found["name"]), int(found["size"]), written_at)
            if not (token := page.get("nextPageToken")):
                return
            query["pageToken"] = token

    async def free_bytes(self) -> int | None:
        """Return None: a bucket has no bound."""
        return None

    async def check(self) -> None:
        """Raise StorageUnavailable unless it can be done; see Storage."""
        await probe(self)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _name(self, key: str) -> str:
        return self._prefix.name(require_key(key))

    async def _open(
        self, key: str, name: str, end: int | None, at: int, version: str | None
    ) -> "_Opened | None":
        # A compressed object comes as it is kept; by default it would be unpacked on its way.
        headers = {"Accept-Encoding": "gzip"}
        if at or end is not None:
            headers["Range"] = f"bytes={at}-{'' if end is None else end - 1}"
        query = {"alt": "media"} | ({"generation": version} if version else {})
        address = self._client.object(name, **query)
        response = await self._client.open(Request(method="GET", url=address, key=key, headers=headers))
        if response.ok:
            return _Opened(response)
        response.close()
        if response.status == NO_SUCH_RANGE:
            return None
        raise await self._refusal(response.status, key)

    async def _ask_about(self, key: str, method: str, address: str) -> Answer:
        answer = await self._client.ask(Request(method=method, url=address, key=key))
        if not answer.ok:
            raise await self._refusal(answer.status, key)
        return answer

    async def _ask(self, key: str, method: str, address: str, body: Body = b"") -> Answer:
        answer = await self._client.ask(Request(method=method, url=address, key=key, body=body))
        if not answer.ok:
            raise refusal(answer.status, bucket=self._bucket, key=key)
        return answer

    async def _refusal(self, status: int, key: str) -> StorageError:
        if status != NOT_FOUND:
            return refusal(status, bucket=self._bucket, key=key)
        # It does not say what there is none of: the object, or the whole bucket.
        await self._ask(key, "GET", self._client.objects(maxResults="1", fields="nextPageToken"))
        return ObjectNotFound(key)


class _Opened:
    """An answer whose body has not been read yet; see Opened."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        # Emulators may not say it; then a read that breaks goes on with whatever is there.
        self.version = response.headers.get("X-Goog-Generation", "")
        self.end = end_of(
            content_range=response.headers.get("Content-Range"),
            content_length=int(response.headers["Content-Length"]),
        )

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body; see Opened."""
        try:
            async for block in self._response.content.iter_chunked(BLOCK_BYTES):
                yield block
        except BROKE as error:
            raise ConnectionBroke from error
        finally:
            self._response.close()


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"http://{address}"
