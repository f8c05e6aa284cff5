"""OpenAI's Uploads API: a large file, sent in parts."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from api.assembly import complete_upload
from api.gateway import DEFAULT_PROJECT, TheGateway
from api.json_route import BoundedRoute
from api.parts import DATA, receive_part
from api.requests import UploadComplete, UploadCreate
from api.routing import TheHint
from api.starting import start_upload
from api.upload_schemas import PartObject, UploadObject

_PART_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [DATA],
                    "properties": {DATA: {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}

router = APIRouter(prefix="/uploads", tags=["uploads"], route_class=BoundedRoute)


@router.post("")
async def post_upload(wanted: UploadCreate, gateway: TheGateway, hint: TheHint) -> UploadObject:
    """Begin to send a file of up to 8 GB in parts. It is given up when no part comes for an hour."""
    return UploadObject.of(await start_upload(wanted, gateway, hint), now=gateway.clock())


async def post_part(upload_id: str, request: Request, gateway: TheGateway) -> PartObject:
    """Send one part, of up to 64 MB; several at once and in any order."""
    return PartObject.of(await receive_part(request, upload_id, gateway))


@router.post("/{upload_id}/complete")
async def post_complete(upload_id: str, wanted: UploadComplete, gateway: TheGateway) -> UploadObject:
    """Make a file of these parts, in this order. Asking for the same again returns the same file."""
    upload, file = await complete_upload(upload_id, wanted, gateway)
    return UploadObject.of(upload, now=gateway.clock(), file=file)


@router.post("/{upload_id}/cancel")
async def post_cancel(upload_id: str, gateway: TheGateway) -> UploadObject:
    """Give an upload up. Its parts are removed."""
    now = gateway.clock()
    upload = await gateway.catalog.cancel_upload(upload_id, project=DEFAULT_PROJECT, now=now)
    return UploadObject.of(upload, now=now)


# A part is no JSON, and has a bound of its own.
router.add_api_route(
    "/{upload_id}/parts",
    post_part,
    methods=["POST"],
    route_class_override=APIRoute,
    openapi_extra=_PART_FORM,
)
