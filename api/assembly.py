"""`POST /v1/uploads/{id}/complete`: the parts become a file, as one stream, checked on the way.

Each try writes an object of its own. The one transaction that makes the upload completed also makes the row
of the file, and so decides which try counts: whatever is killed or sent twice, there is one file, and its
bytes are those of the parts that its upload was completed with. An object that got no row is swept up later.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog

from api.gateway import DEFAULT_PROJECT, Gateway
from api.requests import UploadComplete
from api.room import Promise
from overnight.domain.errors import InvalidRequest, ObjectNotFound, UploadNotPending
from overnight.domain.file import File, FilePurpose
from overnight.domain.ids import new_file_id
from overnight.domain.layout import file_key, upload_part_key
from overnight.domain.upload import Upload, UploadPart, UploadStatus
from overnight.jsonl import UploadCheck

_PART_IDS = "part_ids"

_log = structlog.get_logger(__name__)


async def complete_upload(upload_id: str, wanted: UploadComplete, gateway: Gateway) -> tuple[Upload, File]:
    """Make the file and return it, or the one that the same parts have become before.

    Raises UnknownUpload, UploadNotPending, UnknownFile (when that one has been deleted since),
    InvalidRequest, and what storage and catalog raise; an upload that could be completed still can be then.
    """
    async with gateway.turns.of(upload_id):
        upload = await gateway.catalog.upload(upload_id, project=DEFAULT_PROJECT)
        if upload.status is not UploadStatus.COMPLETED:
            upload.require_pending(gateway.clock(), wanted="complete")
            await _assemble(upload, wanted, gateway)
            # Whoever was first, what its row says holds.
            upload = await gateway.catalog.upload(upload_id, project=DEFAULT_PROJECT)
        return upload, await _file_of(upload, wanted, gateway)


async def _file_of(upload: Upload, wanted: UploadComplete, gateway: Gateway) -> File:
    if upload.file_id is None or upload.part_ids != tuple(wanted.part_ids):
        raise UploadNotPending("complete", status=upload.status.value)
    return await gateway.catalog.file(upload.file_id, project=upload.project, now=gateway.clock())


async def _assemble(upload: Upload, wanted: UploadComplete, gateway: Gateway) -> None:
    """Make the file, unless another gateway was quicker."""
    parts = _chosen(await gateway.catalog.parts(upload.id), wanted.part_ids, upload)
    file_id = new_file_id()
    key = file_key(file_id)
    try:
        async with (
            gateway.room.promised(upload.bytes, key=key, stored_already=True) as room,
            aclosing(_content(upload, parts, wanted.md5, gateway=gateway, room=room)) as content,
        ):
            stored = await gateway.storage.put(key, content)
    except ObjectNotFound:
        if await _is_over(upload, gateway):
            return
        raise
    file = _file(upload, file_id, size=stored.size, gateway=gateway)
    # If this raises, the row may be there all the same: removing the object now could take away its bytes.
    if await gateway.catalog.complete_upload(upload.id, part_ids=tuple(wanted.part_ids), file=file):
        _log.info("upload_completed", upload_id=upload.id, file_id=file_id, parts=len(parts))
    else:
        await gateway.storage.delete(key)


async def _is_over(upload: Upload, gateway: Gateway) -> bool:
    # Its parts go as soon as somebody else has completed or cancelled it.
    now = await gateway.catalog.upload(upload.id, project=upload.project)
    return now.status is not UploadStatus.PENDING


def _chosen(known: dict[str, UploadPart], part_ids: Sequence[str], upload: Upload) -> list[UploadPart]:
    """Return the parts of these ids in their order. Raises InvalidRequest unless they can be the file."""
    for part_id in part_ids:
        if part_id not in known:
            message = f"No such part of upload {upload.id}: {part_id}"
            raise InvalidRequest(message, param=_PART_IDS, code="invalid_value")
    if len(set(part_ids)) < len(part_ids):
        message = f"Invalid '{_PART_IDS}': a part is named more than once."
        raise InvalidRequest(message, param=_PART_IDS, code="invalid_value")
    parts = [known[part_id] for part_id in part_ids]
    together = sum(part.bytes for part in parts)
    if together != upload.bytes:
        message = f"The parts have {together} bytes together, but the upload was created for {upload.bytes}."
        raise InvalidRequest(message, param=_PART_IDS, code="invalid_value")
    return parts


async def _content(
    upload: Upload, parts: Sequence[UploadPart], md5: str | None, *, gateway: Gateway, room: Promise
) -> AsyncGenerator[bytes, None]:
    """Yield the parts' bytes. Raises InvalidRequest when something is wrong with them."""
    check = UploadCheck() if upload.purpose is FilePurpose.BATCH else None
    digest = hashlib.md5(usedforsecurity=False) if md5 else None
    for part in parts:
        async for block in gateway.storage.get(upload_part_key(upload.id, part.id)):
            await room.fill(len(block))
            if check:
                check.feed(block)
            if digest:
                # At 600 MB/s the gateway would have time for little else.
                await asyncio.to_thread(digest.update, block)
            yield block
    if check:
        check.finish()
    if digest and md5 and digest.hexdigest() != md5.lower():
        message = "The md5 of the parts in this order is another than the one given."
        raise InvalidRequest(message, param="md5", code="invalid_value")


def _file(upload: Upload, file_id: str, *, size: int, gateway: Gateway) -> File:
    now = gateway.clock()
    return File(
        id=file_id,
        project=upload.project,
        filename=upload.filename,
        purpose=upload.purpose,
        bytes=size,
        key=file_key(file_id),
        created_at=now,
        expires_at=now + upload.lifetime if upload.lifetime else None,
        provider=upload.provider,
    )
