"""OpenAI's objects of the Uploads API, key for key, made from the domain's."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel

from api.schemas import FileObject
from overnight.domain.file import File
from overnight.domain.upload import Upload, UploadPart


class UploadObject(BaseModel):
    """OpenAI's Upload object; `file` is there once it is completed."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None

    @classmethod
    def of(cls, upload: Upload, *, now: datetime, file: File | None = None) -> Self:
        """Return the object of one row as it is `now`, and of the file it has become."""
        return cls(
            id=upload.id,
            bytes=upload.bytes,
            created_at=int(upload.created_at.timestamp()),
            expires_at=int(upload.expires_at.timestamp()),
            filename=upload.filename,
            purpose=upload.purpose.value,
            status=upload.status_at(now).value,
            file=FileObject.of(file) if file else None,
        )


class PartObject(BaseModel):
    """OpenAI's UploadPart object."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str

    @classmethod
    def of(cls, part: UploadPart) -> Self:
        """Return the object of one row."""
        return cls(id=part.id, created_at=int(part.created_at.timestamp()), upload_id=part.upload_id)
