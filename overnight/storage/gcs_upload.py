"""An object of Google's that is not one yet: sent in parts, the last of which makes it one."""

import asyncio
import re

import structlog

from overnight.domain.errors import StorageError, StorageUnavailable
from overnight.storage.gcs_client import PAUSES, Answer, Body, GcsClient, Request, Unwell
from overnight.storage.gcs_errors import refusal
from overnight.storage.sending import Part

TRIES = 6
"""How often in a row a part may be sent or asked after without Google getting more of it."""

_MADE = (200, 201)
_WANTS_MORE = 308
_FORGOTTEN = (404, 410)
_RECEIVED = re.compile(r"bytes=0-(\d+)")

_log = structlog.stdlib.get_logger(__name__)


class ResumableUpload:
    """One upload of the object `name`, whose parts are sent one after the other.

    Source: https://docs.cloud.google.com/storage/docs/performing-resumable-uploads
    """

    def __init__(self, client: GcsClient, *, bucket: str, name: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._name = name
        self._key = key
        self._session: str | None = None

    async def begin(self) -> None:
        """Have Google expect parts. What comes before can be discarded already. Raises StorageError."""
        address = self._client.uploads(uploadType="resumable", name=self._name)
        answer = await self._client.ask(Request(method="POST", url=address, key=self._key))
        if answer.status not in _MADE:
            raise refusal(answer.status, bucket=self._bucket, key=self._key)
        self._session = answer.headers["Location"]

    async def send(self, part: Part) -> None:
        """Send a part; where the connection broke, what of it has not arrived. Raises StorageError."""
        at, tries, unsure = part.offset, 0, False
        while True:
            rest = memoryview(part.content)[at - part.offset :]
            answer = await self._told(part, at, b"" if unsure else rest, tries=tries)
            if answer is not None and answer.status in _MADE:
                return
            before, unsure = at, answer is None
            if answer is not None:
                at = self._received(answer, part)
            if at == part.end and not part.is_last:
                return
            tries = 0 if at > before else tries + 1

    async def discard(self) -> None:
        """Have Google forget the parts, if it expects any. What goes wrong is only logged."""
        if self._session is None:
            return
        try:
            await self._client.once(Request(method="DELETE", url=self._session, key=self._key))
        except (Unwell, StorageError) as error:
            _log.warning("parts of an upload stay at Google for a week", why=type(error).__name__)

    async def _told(self, part: Part, at: int, rest: Body, *, tries: int) -> Answer | None:
        """Send the rest of a part, or nothing to hear how far Google is; None if that can't be told."""
        span = f"{at}-{part.end - 1}" if rest else "*"
        headers = {"Content-Range": f"bytes {span}/{part.end if part.is_last else '*'}"}
        request = Request(method="PUT", url=self._session or "", key=self._key, headers=headers, body=rest)
        try:
            return await self._client.once(request)
        except Unwell as error:
            if tries + 1 >= TRIES:
                raise StorageUnavailable(f"Google Cloud Storage {error}", key=self._key) from error
            await asyncio.sleep(PAUSES[tries // 2])
            return None

    def _received(self, answer: Answer, part: Part) -> int:
        """Return the offset up to which Google has the object."""
        if answer.status in _FORGOTTEN:
            raise StorageUnavailable("Google Cloud Storage has forgotten the upload", key=self._key)
        if answer.status != _WANTS_MORE:
            raise refusal(answer.status, bucket=self._bucket, key=self._key)
        span = _RECEIVED.fullmatch(answer.headers.get("Range", ""))
        received = int(span[1]) + 1 if span else 0
        if not part.offset <= received <= part.end:
            raise StorageUnavailable("Google Cloud Storage has lost what it had of it", key=self._key)
        return received
