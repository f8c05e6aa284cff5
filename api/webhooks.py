"""Where providers report by themselves. There is no bearer: what they send is signed."""

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.gateway import TheGateway
from api.json_route import BoundedRoute

MAX_EVENT = 64 * 2**10
"""Bytes. An event names things and holds none, so a real one has a few hundred."""


class _EventRoute(BoundedRoute):
    max_body = MAX_EVENT


router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=_EventRoute)


@router.post("/openai", response_class=Response)
async def post_openai_event(request: Request, gateway: TheGateway) -> Response:
    """Take in one of OpenAI's webhooks; 404 where no secret is configured to check it with."""
    if gateway.openai_events is None:
        raise HTTPException(404)
    await gateway.openai_events.take_in(await request.body(), request.headers)
    return Response()
