"""The files a batch makes, as rows. Their ids come from the batch's, so a repeat makes no others."""

from datetime import UTC, datetime, timedelta

from overnight.domain import ids
from overnight.domain.file import BatchFileKind, File, FilePurpose
from overnight.storage.protocol import StoredObject


def batch_file(
    batch_id: str,
    kind: BatchFileKind,
    *,
    stored: StoredObject,
    project: str,
    expires_after: timedelta | None = None,
) -> File:
    """Return the row of a batch's file of this kind, whose bytes are stored already."""
    now = datetime.now(UTC)
    lifetime = expires_after or kind.lifetime
    return File(
        id=ids.output_file_id(batch_id, kind),
        project=project,
        filename=f"{batch_id}_{kind}.jsonl",
        purpose=FilePurpose.BATCH_OUTPUT,
        bytes=stored.size,
        key=stored.key,
        created_at=now,
        expires_at=now + lifetime if lifetime else None,
        batch_id=batch_id,
    )
