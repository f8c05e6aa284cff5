"""An upload: a file that comes in parts, in any order and several at once, and is put together at the end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from overnight.domain.errors import UploadNotPending
from overnight.domain.file import FilePurpose

MAX_UPLOAD_BYTES = 8 * 2**30
MAX_PART_BYTES = 64 * 2**20
"""OpenAI's 8 GB and 64 MB; its own SDK cuts files into parts of 67,108,864 bytes."""

MAX_PARTS = 10_000
"""Parts of one upload, those included that nobody lists in the end. 8 GB in parts of 64 MB are 128."""

UPLOAD_LIFETIME = timedelta(hours=1)
"""How long an upload waits for its next part. OpenAI counts from its creation; here each part that arrives
begins the hour anew, so that a slow line can send a large file too."""


class UploadStatus(StrEnum):
    """Where an upload is in its life, in OpenAI's words."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One row of the catalog's `uploads`; `bytes` is what its parts are to have together.

    `lifetime` is how long its file is kept, counted from when it is made (None: until it is deleted). Once it
    is completed, `file_id` is that file, and `part_ids` are the parts it was made of, in their order.
    """

    id: str
    project: str
    filename: str
    purpose: FilePurpose
    bytes: int
    created_at: datetime
    expires_at: datetime
    lifetime: timedelta | None = None
    provider: str | None = None
    status: UploadStatus = UploadStatus.PENDING
    file_id: str | None = None
    part_ids: tuple[str, ...] = ()

    def status_at(self, now: datetime) -> UploadStatus:
        """Return its status; one that nobody has ended expires by itself."""
        over = self.status is UploadStatus.PENDING and self.expires_at <= now
        return UploadStatus.EXPIRED if over else self.status

    def require_pending(self, now: datetime, *, wanted: str) -> None:
        """Raise UploadNotPending unless parts may still come; `wanted` is what was to be done with it."""
        status = self.status_at(now)
        if status is not UploadStatus.PENDING:
            raise UploadNotPending(wanted, status=status.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPart:
    """A part that was acknowledged: its row is there, and so are its bytes."""

    id: str
    upload_id: str
    bytes: int
    created_at: datetime
