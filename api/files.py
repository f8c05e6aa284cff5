"""OpenAI's Files API: upload, list, look at, download, delete."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from api.content import content_response
from api.gateway import DEFAULT_PROJECT, TheGateway
from api.requests import MAX_EXPIRY_SECONDS, MIN_EXPIRY_SECONDS
from api.routing import TheHint
from api.schemas import FileDeleted, FileList, FileObject
from api.upload import receive_file
from overnight.domain.file import UPLOADABLE, FilePurpose

_UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": [purpose.value for purpose in UPLOADABLE]},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {
                            "type": "integer",
                            "minimum": MIN_EXPIRY_SECONDS,
                            "maximum": MAX_EXPIRY_SECONDS,
                        },
                        "custom_llm_provider": {
                            "type": "string",
                            "description": "Whom batches of this file are for that name nobody",
                        },
                    },
                }
            }
        },
    }
}

_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of the file's bytes", "content": {"application/octet-stream": {}}},
    206: {"description": "The bytes of the one range that `Range` asked for"},
    302: {"description": "Where the bytes are, for some minutes, if the gateway redirects downloads"},
}

router = APIRouter(prefix="/files", tags=["files"])


@router.post("", openapi_extra=_UPLOAD_FORM)
async def upload_file(request: Request, gateway: TheGateway, hint: TheHint) -> FileObject:
    """Upload a file, of any size. It stays here, whatever provider its batches are for."""
    return FileObject.of(await receive_file(request, gateway, hint))


@router.get("")
async def list_files(
    gateway: TheGateway,
    *,
    purpose: FilePurpose | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> FileList:
    """List files by age, the newest first unless `order` is `asc`."""
    page = await gateway.catalog.list_files(
        project=DEFAULT_PROJECT,
        now=gateway.clock(),
        purpose=purpose,
        newest_first=order == "desc",
        after=after,
        limit=limit,
    )
    return FileList.of(page)


@router.get("/{file_id}")
async def get_file(file_id: str, gateway: TheGateway) -> FileObject:
    """Say what a file is."""
    file = await gateway.catalog.file(file_id, project=DEFAULT_PROJECT, now=gateway.clock())
    return FileObject.of(file)


@router.delete("/{file_id}")
async def delete_file(file_id: str, gateway: TheGateway) -> FileDeleted:
    """Delete a file. A batch that is reading it goes on."""
    await gateway.catalog.delete_file(file_id, project=DEFAULT_PROJECT, now=gateway.clock())
    return FileDeleted(id=file_id)


@router.head("/{file_id}/content", include_in_schema=False)
@router.get("/{file_id}/content", response_class=Response, responses=_BYTES)
async def file_content(
    file_id: str,
    request: Request,
    gateway: TheGateway,
    range_header: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """Download a file, or one range of it."""
    file = await gateway.catalog.file(file_id, project=DEFAULT_PROJECT, now=gateway.clock())
    return await content_response(
        file, gateway.storage, gateway.downloads, method=request.method, range_header=range_header
    )
