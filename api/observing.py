"""Each request is counted, timed, and a span of a trace: the one that its client has begun, or a new one.

Known by method, route and status alone. No query, no body, and of the path the template.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.noted_send import NotedSend
from overnight.telemetry import metrics, tracing

_NO_ROUTE = "(no route)"
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_UNTRACED = ("/health", "/metrics")
"""Asked every few seconds by machines; nobody wants to see a trace of that."""


class Observing:
    """Pure ASGI. It stands inside of the request's id, and outside of its log line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, then say how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted, began = NotedSend(send), time.perf_counter()
        with _span_of(scope) as span:
            try:
                await self._app(scope, receive, noted)
            finally:
                _tell(scope, span, status=noted.status or 0, seconds=time.perf_counter() - began)


@contextmanager
def _span_of(scope: Scope) -> Iterator[Span]:
    if not tracing.is_on() or scope["path"].startswith(_UNTRACED):
        yield INVALID_SPAN
        return
    from_client = tracing.PROPAGATOR.extract(Headers(scope=scope))
    method = _method(scope)
    with tracing.tracer().start_as_current_span(
        method,
        from_client,
        kind=SpanKind.SERVER,
        attributes={
            "http.request.method": method,
            "url.scheme": scope["scheme"],
            "overnight.request.id": scope.get("state", {}).get("request_id", ""),
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def _tell(scope: Scope, span: Span, *, status: int, seconds: float) -> None:
    # Only now that the request has been routed is its route known.
    method, route = _method(scope), getattr(scope.get("route"), "path", _NO_ROUTE)
    metrics.HTTP_REQUESTS.labels(method, route, str(status)).inc()
    metrics.HTTP_SECONDS.labels(method, route).observe(seconds)
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500 or not status:
            span.set_status(Status(StatusCode.ERROR))


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
