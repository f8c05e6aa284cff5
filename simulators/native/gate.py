"""What every call to a provider goes through: it is counted, let in or refused, and may go wrong."""

from __future__ import annotations

import math
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from simulators.native.jobdesk import JobDesk
from simulators.native.manner import Json
from simulators.native.mischief import suffer
from simulators.native.refusals import Reason, Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """The way in to one provider; `calls` counts by verb what has arrived, refused or not."""

    def __init__(self, desk: JobDesk[Any, Any]) -> None:
        self.calls: Counter[str] = Counter()
        self._manner = desk.manner
        self._faults = desk.faults
        self._down_until: float | None = None

    def add_to(self, app: web.Application) -> None:
        """Hang the provider's routes into an app, and refuse all other paths."""
        self._add_routes(app)
        app.router.add_route("*", "/{path:.*}", self._guarded("unknown", _know_nothing))

    def be_down(self, seconds: float | None) -> None:
        """Answer every call with 503 for so many seconds of our time; None: until `come_up`."""
        self._down_until = math.inf if seconds is None else time.monotonic() + seconds

    def come_up(self) -> None:
        """Answer again."""
        self._down_until = None

    def _add_routes(self, app: web.Application) -> None:
        raise NotImplementedError

    def _let_in(self, request: web.Request) -> None:
        """Check who asks. Raises Refusal."""
        raise NotImplementedError

    def _guarded(self, verb: str, handler: Handler) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.calls[verb] += 1
            try:
                return await self._serve(verb, handler, request)
            except Refusal as refusal:
                return self._refused(refusal)

        return serve

    async def _serve(self, verb: str, handler: Handler, request: web.Request) -> web.StreamResponse:
        if self._down_until is not None and time.monotonic() < self._down_until:
            raise Refusal(Reason.UNAVAILABLE)
        self._let_in(request)
        fault = self._faults.next_call(verb)
        if fault is None:
            return await handler(request)
        return await suffer(fault, request, lambda: handler(request))

    def _refused(self, refusal: Refusal) -> web.Response:
        status, envelope = self._manner.refusal(refusal)
        headers = {"Retry-After": refusal.retry_after} if refusal.retry_after else None
        return answered(envelope, status=status, headers=headers)


def answered(body: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Answer with JSON, and the id that providers give to every request."""
    own = {"x-request-id": f"req_{uuid.uuid4().hex}", **(headers or {})}
    return web.json_response(body, status=status, headers=own)


async def _know_nothing(request: web.Request) -> web.StreamResponse:
    raise Refusal(Reason.UNKNOWN_PATH, method=request.method, path=request.path)
