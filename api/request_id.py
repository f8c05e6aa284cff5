"""An id for every request: on every response, whatever became of it, and on every line of the log."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from overnight.domain.ids import new_request_id

HEADER = "x-request-id"

# What comes from outside ends in headers and logs, so it may be an id and nothing else.
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Pure ASGI: `scope["state"]["request_id"]` is a caller's own id where it is sane, else a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get(HEADER, ""))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


def _request_id(proposed: str) -> str:
    return proposed if _SANE.fullmatch(proposed) else new_request_id()
