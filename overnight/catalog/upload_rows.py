"""The rows of uploads and of their parts. Each change is one transaction: all of it happens, or nothing."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from overnight.catalog import rows
from overnight.catalog.connections import Connections
from overnight.catalog.tables import files, upload_parts, uploads
from overnight.domain.errors import InvalidRequest, UnknownUpload
from overnight.domain.file import File
from overnight.domain.upload import (
    MAX_PART_BYTES,
    MAX_PARTS,
    UPLOAD_LIFETIME,
    Upload,
    UploadPart,
    UploadStatus,
)

_PENDING = UploadStatus.PENDING.value


class UploadRows(Connections):
    """Reads and writes the rows of uploads."""

    async def add_upload(self, upload: Upload) -> None:
        """Add the row of an upload that has just been asked for."""
        async with self._writing() as connection:
            await connection.execute(insert(uploads).values(**rows.from_upload(upload)))

    async def upload(self, upload_id: str, *, project: str) -> Upload:
        """Return an upload, whatever has become of it. Raises UnknownUpload."""
        async with self._reading() as connection:
            return await _find(connection, upload_id, project)

    async def add_part(self, part: UploadPart, *, project: str, now: datetime) -> None:
        """Acknowledge a part whose bytes are stored: its upload has another hour to go.

        Raises UnknownUpload, UploadNotPending, and InvalidRequest when there are too many, or far more bytes
        than the upload was created for.
        """
        another = update(uploads).where(
            uploads.c.id == part.upload_id,
            uploads.c.project == project,
            *_pending(now),
            uploads.c.part_count < MAX_PARTS,
        )
        row = {"id": part.id, "upload_id": part.upload_id, "bytes": part.bytes, "created_at": part.created_at}
        async with self._writing() as connection:
            counted = another.values(part_count=uploads.c.part_count + 1, expires_at=now + UPLOAD_LIFETIME)
            if not (await connection.execute(counted)).rowcount:
                upload = await _find(connection, part.upload_id, project)
                upload.require_pending(now, wanted="add a part to")
                raise InvalidRequest(f"An upload has at most {MAX_PARTS} parts.", param="upload_id")
            await connection.execute(insert(upload_parts).values(**row))
            if await _is_far_too_much(connection, part.upload_id):
                message = "The parts hold far more bytes than the upload was created for."
                raise InvalidRequest(message, param="data", code="invalid_value")

    async def parts(self, upload_id: str) -> dict[str, UploadPart]:
        """Return the acknowledged parts of an upload by their ids."""
        query = select(upload_parts).where(upload_parts.c.upload_id == upload_id)
        async with self._reading() as connection:
            return {row["id"]: rows.to_part(row) for row in (await connection.execute(query)).mappings()}

    async def complete_upload(self, upload_id: str, *, part_ids: tuple[str, ...], file: File) -> bool:
        """Make an upload completed, and `file` the file it became; say whether that was still possible.

        It is as long as nobody has ended it. An upload that was pending when its parts began to be put
        together may be past its time by now.
        """
        done = update(uploads).where(uploads.c.id == upload_id, uploads.c.status == _PENDING)
        completed = {"status": UploadStatus.COMPLETED.value, "part_ids": list(part_ids), "file_id": file.id}
        async with self._writing() as connection:
            if not (await connection.execute(done.values(**completed))).rowcount:
                return False
            await connection.execute(insert(files).values(**rows.from_file(file)))
        return True

    async def cancel_upload(self, upload_id: str, *, project: str, now: datetime) -> Upload:
        """Cancel an upload and return it; one that was cancelled stays as it is.

        Raises UnknownUpload, and UploadNotPending when it has ended in any other way.
        """
        cancel = update(uploads).where(
            uploads.c.id == upload_id, uploads.c.project == project, *_pending(now)
        )
        async with self._writing() as connection:
            await connection.execute(cancel.values(status=UploadStatus.CANCELLED.value))
            upload = await _find(connection, upload_id, project)
        if upload.status is not UploadStatus.CANCELLED:
            upload.require_pending(now, wanted="cancel")
        return upload

    async def uncleared_uploads(self, *, expired_by: datetime, limit: int = 1_000) -> list[Upload]:
        """Return uploads that nobody can add to any more and whose parts may still be there.

        Those that nobody has ended, but that had expired by then, are among them.
        """
        over = (uploads.c.status != _PENDING) | (uploads.c.expires_at <= expired_by)
        query = select(uploads).where(uploads.c.cleared_at.is_(None), over).limit(limit)
        async with self._reading() as connection:
            return [rows.to_upload(row) for row in (await connection.execute(query)).mappings()]

    async def expire_upload(self, upload_id: str, *, expired_by: datetime) -> bool:
        """Make a pending upload expired, and say so, unless it was ended or another part has come."""
        late = update(uploads).where(
            uploads.c.id == upload_id,
            uploads.c.status == _PENDING,
            uploads.c.expires_at <= expired_by,
        )
        async with self._writing() as connection:
            expired = await connection.execute(late.values(status=UploadStatus.EXPIRED.value))
        return bool(expired.rowcount)

    async def mark_cleared(self, upload_id: str, *, now: datetime) -> None:
        """Note that no parts are left of an upload that is over, and forget them."""
        cleared = update(uploads).where(uploads.c.id == upload_id, uploads.c.status != _PENDING)
        async with self._writing() as connection:
            if (await connection.execute(cleared.values(cleared_at=now))).rowcount:
                await connection.execute(delete(upload_parts).where(upload_parts.c.upload_id == upload_id))


async def _find(connection: AsyncConnection, upload_id: str, project: str) -> Upload:
    query = select(uploads).where(uploads.c.id == upload_id, uploads.c.project == project)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise UnknownUpload(upload_id)
    return rows.to_upload(row)


def _pending(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return uploads.c.status == _PENDING, uploads.c.expires_at > now


async def _is_far_too_much(connection: AsyncConnection, upload_id: str) -> bool:
    """Tell whether parts have outgrown their upload, even if each was sent twice and one in vain."""
    held = select(func.sum(upload_parts.c.bytes)).where(upload_parts.c.upload_id == upload_id)
    wanted = select(uploads.c.bytes).where(uploads.c.id == upload_id)
    most = 2 * (await connection.execute(wanted)).scalar_one() + MAX_PART_BYTES
    return bool((await connection.execute(held)).scalar_one() > most)
