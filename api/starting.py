"""`POST /v1/uploads`: whatever can be refused of a file is refused before its first part is sent."""

from api.filenames import plain_name, require_jsonl
from api.gateway import DEFAULT_PROJECT, Gateway
from api.requests import UploadCreate
from api.routing import Hint, require_usable
from overnight.domain.file import FilePurpose, lifetime_of
from overnight.domain.ids import new_upload_id
from overnight.domain.layout import upload_prefix
from overnight.domain.upload import UPLOAD_LIFETIME, Upload

_FILENAME = "filename"


async def start_upload(wanted: UploadCreate, gateway: Gateway, hint: Hint) -> Upload:
    """Return the row of a new upload, which has been added. Raises InvalidRequest and StorageFull."""
    filename = plain_name(wanted.filename, param=_FILENAME)
    provider = hint.with_field(wanted.custom_llm_provider)
    if wanted.purpose is FilePurpose.BATCH:
        require_usable(provider, gateway.settings)
        require_jsonl(filename, param=_FILENAME)
    now = gateway.clock()
    upload = Upload(
        id=new_upload_id(),
        project=DEFAULT_PROJECT,
        filename=filename,
        purpose=wanted.purpose,
        bytes=wanted.bytes,
        created_at=now,
        expires_at=now + UPLOAD_LIFETIME,
        lifetime=lifetime_of(wanted.purpose, wanted.lifetime),
        provider=provider,
    )
    # Only a look: room is kept for parts as they come. An upload that nobody goes on with takes none away.
    async with gateway.room.promised(wanted.bytes, key=upload_prefix(upload.id)):
        await gateway.catalog.add_upload(upload)
    return upload
