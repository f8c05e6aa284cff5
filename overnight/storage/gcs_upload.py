"""An object of Google's that is not one yet: sent in parts, the last of which makes it one."""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias

import structlog

from overnight.domain.errors import StorageError, StorageUnavailable
from overnight.storage.sending import Part

if TYPE_CHECKING:
    from overnight.storage.gcs_client import GcsClient

TRIES = 6
"""How often in a row a part may be sent without Google getting more of it."""

FIRST_PAUSE_SECONDS = 0.1
"""It doubles with each try."""

_MADE = (200, 201)
_RECEIVED = re.compile(r"bytes=0-(\d+)")

_log = structlog.stdlib.get_logger(__name__)

Asking: TypeAlias = Callable[[], AbstractAsyncContextManager["GcsClient"]]
"""Gives a client, in whose context what goes wrong is a StorageError."""


class ResumableUpload:
    """One upload of the object `name`, whose parts are sent one after the other.

    gcsfs would send parts, too, but takes an answer that does not say what has arrived for "all of it".
    Source: https://docs.cloud.google.com/storage/docs/performing-resumable-uploads
    """

    def __init__(self, asking: Asking, *, bucket: str, name: str, key: str) -> None:
        self._asking = asking
        self._bucket = bucket
        self._name = name
        self._key = key
        self._address: str | None = None

    async def begin(self) -> None:
        """Have Google expect parts. What comes before can be discarded already. Raises StorageError."""
        async with self._asking() as client:
            self._address = await client.begin(self._bucket, self._name)

    async def send(self, part: Part) -> None:
        """Send a part; where the connection broke, what of it has not arrived. Raises StorageError."""
        at, tries = part.offset, 0
        while (received := await self._sent(part, at, tries=tries)) is not None:
            if received == part.end and not part.is_last:
                return
            tries = 0 if received > at else tries + 1
            if tries == TRIES:
                raise StorageUnavailable("Google Cloud Storage takes no more of it", key=self._key)
            at = received

    async def discard(self) -> None:
        """Have Google forget the parts, if it expects any. What goes wrong is only logged."""
        if self._address is None:
            return
        try:
            async with self._asking() as client:
                await client.tell("DELETE", self._address, patiently=False)
        except StorageError as error:
            _log.warning("parts of an upload stay at Google for a week", why=error.reason)

    async def _sent(self, part: Part, at: int, *, tries: int) -> int | None:
        """Send a part from `at` on, or hear what became of it; return what `_told` does."""
        try:
            return await self._told(part, at)
        except StorageUnavailable:
            if tries + 1 == TRIES:
                raise
            await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**tries)
            return await self._told(part, None)

    async def _told(self, part: Part, at: int | None) -> int | None:
        """Send a part from `at` on, or nothing; return up to where Google has the object, None: it is one."""
        rest = b"" if at is None else memoryview(part.content)[at - part.offset :]
        span = f"{at}-{part.end - 1}" if rest else "*"
        headers = {"Content-Range": f"bytes {span}/{part.end if part.is_last else '*'}"}
        request = {"headers": headers, "data": BytesIO(rest)}
        async with self._asking() as client:
            try:
                status, answer = await client.tell("PUT", self._address or "", patiently=not rest, **request)
            except FileNotFoundError as error:
                said = "Google Cloud Storage has forgotten the upload"
                raise StorageUnavailable(said, key=self._key) from error
        return None if status in _MADE else self._received(answer, part)

    def _received(self, answer: Mapping[str, str], part: Part) -> int:
        span = _RECEIVED.fullmatch(answer.get("Range", ""))
        received = int(span[1]) + 1 if span else 0
        if not part.offset <= received <= part.end:
            raise StorageUnavailable("Google Cloud Storage has lost what it had of it", key=self._key)
        return received
