"""What becomes of an exception nobody expected: a line in the log, and a 500 that keeps it to itself."""

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import unexpected_error_response
from api.noted_send import NotedSend

_log = structlog.get_logger(__name__)


class LastResort:
    """Pure ASGI. It stands inside the request id and the request log, where Starlette's own handler can't."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; raise only when the response had begun, so that the server cuts it off."""
        noted = NotedSend(send)
        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            _log.exception("request_crashed", error=type(error).__name__)
            if noted.status is not None or scope["type"] != "http":
                raise
            await unexpected_error_response()(scope, receive, send)
