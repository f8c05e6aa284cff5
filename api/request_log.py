"""One log line a request: method, path template, status, duration. Never a body or a query."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        status: int | None = None

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            _log.info(
                "request",
                method=scope["method"],
                path=getattr(scope.get("route"), "path", _NO_ROUTE),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
