"""`POST /v1/files`: from the socket to storage in constant memory, checked on the way.

Storage pulls: each piece it asks for is read from the client, taken out of the form, looked at and handed
over, so a client can send no faster than bytes are stored. Whatever is wrong is raised from within that
pull, which is how storage learns to leave nothing behind.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Request
from pydantic import ValidationError

from api.arriving import arriving_file
from api.filenames import require_jsonl
from api.gateway import DEFAULT_PROJECT, Gateway
from api.multipart import FILE, MultipartForm
from api.requests import UploadFields
from api.room import Promise
from api.routing import Hint, require_usable
from api.validation import invalid_request
from overnight.domain.errors import InvalidRequest
from overnight.domain.file import File, FilePurpose, lifetime_of
from overnight.domain.ids import new_file_id
from overnight.domain.layout import file_key
from overnight.jsonl import UploadCheck

_FIELDS = ("purpose", "expires_after[anchor]", "expires_after[seconds]", "custom_llm_provider")


async def receive_file(request: Request, gateway: Gateway, hint: Hint) -> File:
    """Store the upload that `request` is, and return its row, which has been added.

    Raises InvalidRequest, StorageFull, and what else storage and catalog raise; then nothing stays behind,
    but for bytes of which the catalog could not say whether they have a row.
    """
    file_id = new_file_id()
    key = file_key(file_id)
    announced = int(request.headers.get("content-length", 0))
    async with gateway.room.promised(announced, key=key) as room:
        upload = _Upload(request, room, gateway=gateway, hint=hint)
        async with aclosing(upload.content()) as content:
            stored = await gateway.storage.put(key, content)
    file = upload.describe(file_id, key=key, size=stored.size)
    # If this raises, the row may be there all the same: removing the object now could take away its bytes.
    # One that got no row is swept up later.
    await gateway.catalog.add_file(file)
    return file


class _Upload:
    """One upload on its way in. What it says of itself is known once its content has been read."""

    def __init__(self, request: Request, room: Promise, *, gateway: Gateway, hint: Hint) -> None:
        self._form = MultipartForm(request.headers, fields=_FIELDS)
        self._request = request
        self._room = room
        self._gateway = gateway
        self._hint = hint
        self._check = UploadCheck()
        self._refusal: InvalidRequest | None = None

    async def content(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes as they come. Raises InvalidRequest when something is wrong with it."""
        patience = self._gateway.uploads.idle_timeout
        pieces = arriving_file(self._request, self._form, room=self._room, idle_timeout=patience)
        async with aclosing(pieces):
            async for piece in pieces:
                self._inspect(piece)
                yield piece
        # An empty file has a name too.
        self._inspect(b"")
        self._judge()

    def describe(self, file_id: str, *, key: str, size: int) -> File:
        """Return the row of what has been read."""
        fields, now = self._fields(), self._gateway.clock()
        lifetime = lifetime_of(fields.purpose, fields.lifetime)
        return File(
            id=file_id,
            project=DEFAULT_PROJECT,
            filename=self._filename,
            purpose=fields.purpose,
            bytes=size,
            key=key,
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
            provider=self._hint.with_field(fields.custom_llm_provider),
        )

    @property
    def _filename(self) -> str:
        return self._form.filename or ""

    def _inspect(self, piece: bytes) -> None:
        # The purpose may come after the file. Until it is known a refusal is kept; once it is, it is news.
        purpose = self._form.fields.get("purpose")
        if purpose in (None, FilePurpose.BATCH) and self._refusal is None:
            self._refusal = self._refusal_of(piece)
        if purpose == FilePurpose.BATCH and self._refusal:
            raise self._refusal

    def _refusal_of(self, piece: bytes) -> InvalidRequest | None:
        try:
            require_jsonl(self._filename, param=FILE)
            self._check.feed(piece)
        except InvalidRequest as refusal:
            return refusal
        return None

    def _judge(self) -> None:
        fields = self._fields()
        provider = self._hint.with_field(fields.custom_llm_provider)
        if fields.purpose is not FilePurpose.BATCH:
            return
        require_usable(provider, self._gateway.settings)
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
