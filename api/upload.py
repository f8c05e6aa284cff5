"""`POST /v1/files`: from the socket to storage in constant memory, checked on the way.

Storage pulls: each block it asks for is read from the client, taken out of the form, looked at and handed
over, so a client can send no faster than bytes are stored. Whatever is wrong is raised from within that
pull, which is how storage learns to leave nothing behind.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

from fastapi import Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api.gateway import DEFAULT_PROJECT, Gateway, UploadLimits
from api.multipart import FILE, MultipartForm
from api.requests import UploadFields
from api.validation import invalid_request
from overnight.domain.errors import InvalidRequest, StorageFull
from overnight.domain.file import BATCH_FILE_LIFETIME, File, FilePurpose
from overnight.domain.ids import new_file_id
from overnight.domain.layout import file_key
from overnight.jsonl import UploadCheck

_FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]", "custom_llm_provider")
_NOT_JSONL = "Invalid file format for Batch API. Must be .jsonl"
_STALLED = "The upload was given up: nothing arrived for {seconds:.0f} seconds."


async def receive_file(request: Request, gateway: Gateway) -> File:
    """Store the upload that `request` is, and return its row, which has been added.

    Raises InvalidRequest, StorageFull, and what else storage and catalog raise; nothing stays behind then.
    """
    file_id = new_file_id()
    key = file_key(file_id)
    await _ensure_room(request, gateway, key=key)
    upload = _Upload(request, gateway.uploads)
    async with aclosing(upload.content()) as content:
        stored = await gateway.storage.put(key, content)
    file = upload.describe(file_id, key=key, size=stored.size, gateway=gateway)
    try:
        await gateway.catalog.add_file(file)
    except BaseException:
        await gateway.storage.delete(key)
        raise
    return file


async def _ensure_room(request: Request, gateway: Gateway, *, key: str) -> None:
    free = await gateway.storage.free_bytes()
    if free is None:
        return
    announced = int(request.headers.get("content-length", 0))
    if free < announced * gateway.uploads.room_factor + gateway.uploads.reserved:
        raise StorageFull("no room for an upload and its results", key=key)


class _Upload:
    """One upload on its way in. What it says of itself is known once its content has been read."""

    def __init__(self, request: Request, limits: UploadLimits) -> None:
        self._form = MultipartForm(request.headers, fields=_FIELDS)
        self._request = request
        self._limits = limits
        self._check = UploadCheck()
        self._refusal: InvalidRequest | None = None

    async def content(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes, block by block. Raises InvalidRequest when something is wrong with it."""
        async for chunk in _arriving(self._request, idle_timeout=self._limits.idle_timeout):
            self._form.feed(chunk)
            if self._form.buffered >= self._limits.block:
                yield self._inspected(self._form.take())
        self._form.finish()
        last = self._inspected(self._form.take())
        self._judge()
        if last:
            yield last

    def describe(self, file_id: str, *, key: str, size: int, gateway: Gateway) -> File:
        """Return the row of what has been read."""
        fields, now = self._fields(), gateway.clock()
        # Files for anything but batches are kept until they are deleted.
        lifetime = BATCH_FILE_LIFETIME if fields.purpose is FilePurpose.BATCH else None
        if fields.seconds is not None:
            lifetime = timedelta(seconds=fields.seconds)
        return File(
            id=file_id,
            project=DEFAULT_PROJECT,
            filename=self._filename,
            purpose=fields.purpose,
            bytes=size,
            key=key,
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
        )

    @property
    def _filename(self) -> str:
        return self._form.filename or ""

    def _inspected(self, block: bytes) -> bytes:
        # The purpose may come after the file. Until it is known a refusal is kept; once it is, it is news.
        purpose = self._form.fields.get("purpose")
        if purpose in (None, FilePurpose.BATCH) and self._refusal is None:
            self._refusal = self._refusal_of(block)
        if purpose == FilePurpose.BATCH and self._refusal:
            raise self._refusal
        return block

    def _refusal_of(self, block: bytes) -> InvalidRequest | None:
        if not self._filename.endswith(".jsonl"):
            return InvalidRequest(_NOT_JSONL, param=FILE)
        try:
            self._check.feed(block)
        except InvalidRequest as refusal:
            return refusal
        return None

    def _judge(self) -> None:
        if self._fields().purpose is not FilePurpose.BATCH:
            return
        if self._refusal:
            raise self._refusal
        self._check.finish()

    def _fields(self) -> UploadFields:
        try:
            fields = UploadFields.model_validate(self._form.fields)
        except ValidationError as error:
            raise invalid_request(error.errors()) from error
        if (fields.anchor is None) is not (fields.seconds is None):
            missing = "anchor" if fields.anchor is None else "seconds"
            param = f"expires_after[{missing}]"
            message = f"Missing required parameter: '{param}'."
            raise InvalidRequest(message, param=param, code="missing_required_parameter")
        return fields


async def _arriving(request: Request, *, idle_timeout: timedelta) -> AsyncGenerator[bytes, None]:
    """Yield the body as it arrives. Raises ClientDisconnect, and a 408 when a client falls silent."""
    async with aclosing(request.stream()) as stream:
        while True:
            try:
                async with asyncio.timeout(idle_timeout.total_seconds()):
                    chunk = await anext(stream, None)
            except TimeoutError as error:
                message = _STALLED.format(seconds=idle_timeout.total_seconds())
                # The rest of the body may still come, and is no request.
                raise HTTPException(408, message, headers={"connection": "close"}) from error
            if chunk is None:
                return
            yield chunk
