"""`GET /metrics`, in Prometheus's text form: for who has the key, or for all if that is wished."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security.http import HTTPAuthorizationCredentials

from api.auth import bearer, require_key
from api.gateway import TheGateway
from overnight.telemetry.exposition import CONTENT_TYPE


async def may_read(
    request: Request,
    gateway: TheGateway,
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> None:
    """Let the request pass where metrics are open, and else as any other. Raises as `require_key` does."""
    if not gateway.settings.metrics_open:
        await require_key(request, gateway, shown)


router = APIRouter(tags=["metrics"], dependencies=[Depends(may_read)])


@router.get("/metrics", response_class=Response)
async def metrics(gateway: TheGateway) -> Response:
    """Tell everything that is counted. See docs/metrics.md."""
    return Response(await gateway.metrics.page(), media_type=CONTENT_TYPE)
