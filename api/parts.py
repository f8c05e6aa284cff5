"""`POST /v1/uploads/{id}/parts`: from the socket to storage in constant memory, and then acknowledged."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Request

from api.arriving import arriving_file
from api.gateway import DEFAULT_PROJECT, Gateway
from api.multipart import MultipartForm
from api.room import Promise
from overnight.domain.errors import InvalidRequest, UnknownUpload, UploadNotPending
from overnight.domain.ids import new_part_id
from overnight.domain.layout import upload_part_key
from overnight.domain.upload import MAX_PART_BYTES, UploadPart

DATA = "data"
"""The field of the form that holds the part."""

_FORM_BYTES = 64 * 2**10
"""More than a form has around a part."""


async def receive_part(request: Request, upload_id: str, gateway: Gateway) -> UploadPart:
    """Store the part that `request` is, and return its row, which has been added.

    Raises UnknownUpload, UploadNotPending, InvalidRequest, StorageFull, and what else storage and catalog
    raise; then nothing stays behind, but for bytes of which the catalog could not say whether they have
    a row.
    """
    upload = await gateway.catalog.upload(upload_id, project=DEFAULT_PROJECT)
    upload.require_pending(gateway.clock(), wanted="add a part to")
    announced = int(request.headers.get("content-length", 0))
    if announced > MAX_PART_BYTES + _FORM_BYTES:
        raise _too_large()
    part_id = new_part_id()
    key = upload_part_key(upload_id, part_id)
    async with (
        gateway.room.promised(announced, key=key) as room,
        aclosing(_content(request, room, gateway)) as content,
    ):
        stored = await gateway.storage.put(key, content)
    now = gateway.clock()
    part = UploadPart(id=part_id, upload_id=upload_id, bytes=stored.size, created_at=now)
    try:
        await gateway.catalog.add_part(part, project=DEFAULT_PROJECT, now=now)
    except (UnknownUpload, UploadNotPending, InvalidRequest):
        # After anything else the row may be there all the same, and its bytes would be gone.
        await gateway.storage.delete(key)
        raise
    return part


async def _content(request: Request, room: Promise, gateway: Gateway) -> AsyncGenerator[bytes, None]:
    form = MultipartForm(request.headers, file=DATA, named=False)
    pieces = arriving_file(request, form, room=room, idle_timeout=gateway.uploads.idle_timeout)
    size = 0
    async with aclosing(pieces):
        async for piece in pieces:
            size += len(piece)
            if size > MAX_PART_BYTES:
                raise _too_large()
            yield piece
    if not size:
        raise InvalidRequest("A part can't be empty.", param=DATA, code="invalid_value")


def _too_large() -> InvalidRequest:
    message = f"The part is too large: a part has at most {MAX_PART_BYTES} bytes (64 MB)."
    return InvalidRequest(message, param=DATA, code="string_above_max_length")
