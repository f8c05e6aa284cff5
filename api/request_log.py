"""One log line a request: method, path template, status, duration. Never a body or a query."""

import time

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.noted_send import NotedSend

_NO_ROUTE = "(no route)"

_log = structlog.get_logger(__name__)


class RequestLog:
    """Pure ASGI. The request's id is bound to the log outside of this."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, then say how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted, started = NotedSend(send), time.perf_counter()
        try:
            await self._app(scope, receive, noted)
        finally:
            _log.info(
                "request",
                method=scope["method"],
                path=getattr(scope.get("route"), "path", _NO_ROUTE),
                status=noted.status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
