"""Objects in an S3 bucket, or in one of those that copy S3.

boto3 blocks, so everything happens in threads of the store's own. A small object is one request. A large one
is sent in parts, several at once, and is not there before the last request. Reading goes on from where it
broke off.
"""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from overnight.domain.errors import ObjectNotFound
from overnight.storage.keys import require_key, require_prefix
from overnight.storage.prefixes import Prefix
from overnight.storage.probe import probe
from overnight.storage.protocol import FoundObject, StoredObject
from overnight.storage.resuming import ObjectReplaced, resumed
from overnight.storage.s3_answer import S3Answer
from overnight.storage.s3_client import connect
from overnight.storage.s3_errors import CHANGED, NO_SUCH_RANGE, code_of, storage_error
from overnight.storage.s3_signing import S3Signer
from overnight.storage.s3_upload import MultipartUpload
from overnight.storage.sending import PART_BYTES, Part, parts, send_all
from overnight.storage.settings import S3Settings
from overnight.storage.threads import Threads

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef, ListObjectsV2OutputTypeDef

T = TypeVar("T")

REQUESTS = 32
"""How many requests are under way at once in a process."""


class S3Storage:
    """A Storage in a bucket of S3's. It connects when it is first used.

    Parts of a large object have `part_bytes` at first; S3 wants at least 5 MiB.
    """

    def __init__(self, settings: S3Settings, *, part_bytes: int = PART_BYTES) -> None:
        self._settings = settings
        self._prefix = Prefix(settings.prefix)
        self._part_bytes = part_bytes
        self._signer = S3Signer(settings)
        self._threads = Threads(REQUESTS, name="s3")
        self._client: S3Client | None = None
        self._connecting = threading.Lock()

    async def put(self, key: str, content: AsyncIterator[bytes]) -> StoredObject:
        """Store `content`; see Storage. A cancel that comes during the last request comes too late."""
        place = self._place(key)
        async with aclosing(parts(content, part_bytes=self._part_bytes)) as cut:
            first = await anext(cut)
            if first.is_last:
                # Checkpoints are like that, and there are many: one request will do.
                small = {**place, **self._traits(), "Body": first.content}
                await self._ask(key, lambda client: client.put_object(**small))
                return StoredObject(key, first.end)
            return StoredObject(key, await self._put_large(key, place, first, cut))

    async def _put_large(
        self, key: str, place: dict[str, Any], first: Part, rest: AsyncIterator[Part]
    ) -> int:
        upload = await self._ask(key, lambda client: MultipartUpload(client, place, traits=self._traits()))
        try:
            await self._ask(key, lambda _: upload.begin())
            size = await send_all(first, rest, lambda part: self._ask(key, lambda _: upload.send(part)))
            await self._ask(key, lambda _: upload.publish())
        except BaseException:
            await self._threads.do(upload.discard)
            raise
        return size

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream a range of the object; see Storage. One that is replaced is read to its end, or fails."""
        place = self._place(key)
        if end is not None and end <= start:
            await self.size(key)  # It may not be there, and no request is for nothing of it.
            return
        async with aclosing(resumed(key, partial(self._open, key, place, end), start=start)) as blocks:
            async for block in blocks:
                yield block

    async def size(self, key: str) -> int:
        """Return the object's size in bytes; see Storage."""
        place = self._place(key)
        try:
            return (await self._ask(key, lambda client: client.head_object(**place)))["ContentLength"]
        except ObjectNotFound:
            # An answer to HEAD does not say what there is none of.
            await self._ask(key, lambda client: client.head_bucket(Bucket=self._settings.bucket))
            raise

    async def delete(self, key: str) -> None:
        """Remove the object, if there is one; see Storage."""
        place = self._place(key)
        await self._ask(key, lambda client: client.delete_object(**place))

    async def list(self, prefix: str) -> AsyncIterator[FoundObject]:
        """Yield the objects below `prefix` in order; see Storage. A thousand at a time are in memory."""
        wanted: dict[str, Any] = {
            "Bucket": self._settings.bucket,
            "Prefix": self._prefix.name(require_prefix(prefix)),
        }
        while True:
            page = await self._ask(prefix, partial(_page, wanted))
            for found in page.get("Contents", ()):
                yield FoundObject(self._prefix.key(found["Key"]), found["Size"], found["LastModified"])
            if not (token := page.get("NextContinuationToken")):
                return
            wanted["ContinuationToken"] = token

    async def signed_url(self, key: str, *, filename: str, expires_in: timedelta) -> str:
        """Return a presigned URL; see SignsUrls."""
        sign = partial(self._signer.sign, place=self._place(key), filename=filename, expires_in=expires_in)
        return await self._ask(key, sign)

    async def free_bytes(self) -> int | None:
        """Return None: a bucket has no bound."""
        return None

    async def check(self) -> None:
        """Raise StorageUnavailable unless it can be done; see Storage."""
        await probe(self)

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()

    async def _open(
        self, key: str, place: dict[str, Any], end: int | None, at: int, version: str | None
    ) -> S3Answer | None:
        wanted = dict(place)
        if at or end is not None:
            wanted["Range"] = f"bytes={at}-{'' if end is None else end - 1}"
        if version:
            wanted["IfMatch"] = version
        answer = await self._ask(key, partial(_answer, wanted))
        return None if answer is None else S3Answer(answer, key=key, threads=self._threads)

    async def _ask(self, key: str, ask: Callable[["S3Client"], T]) -> T:
        """Do in a thread what blocks, and translate what it raises."""
        try:
            return await self._threads.do(lambda: ask(self._connected()))
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, NoCredentialsError):
                # A client looks for them once, when it is made, and they may be there by and by.
                self._client = None
            raise storage_error(error, key=key, settings=self._settings) from error

    def _connected(self) -> "S3Client":
        with self._connecting:
            if self._client is None:
                self._client = connect(self._settings, connections=REQUESTS)
            return self._client

    def _place(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._settings.bucket, "Key": self._prefix.name(require_key(key))}

    def _traits(self) -> dict[str, Any]:
        wanted = {
            "ServerSideEncryption": self._settings.encryption,
            "SSEKMSKeyId": self._settings.kms_key_id,
        }
        return {name: value for name, value in wanted.items() if value}


def _page(wanted: dict[str, Any], client: "S3Client") -> "ListObjectsV2OutputTypeDef":
    return client.list_objects_v2(**wanted)


def _answer(wanted: dict[str, Any], client: "S3Client") -> "GetObjectOutputTypeDef | None":
    """Return what S3 answers, or None where the object has no bytes of that range."""
    try:
        return client.get_object(**wanted)
    except ClientError as error:
        if code_of(error) in NO_SUCH_RANGE:
            return None
        if code_of(error) in CHANGED:
            raise ObjectReplaced from error
        raise
