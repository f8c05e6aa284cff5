"""Each HTTP request to a provider's batch API: counted, timed, and a span of its trace if it belongs to one.

The provider is sent none of that: a trace is our own affair, and no header of ours goes to a vendor.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx2
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from overnight.telemetry import genai, metrics
from overnight.telemetry.tracing import child_span

_LOST, _CANCELLED = "lost", "cancelled"
_WORDS = frozenset(
    {"batches", "batchPredictionJobs", "cancel", "content", "files", "locations", "openai", "projects", "v1"}
)
"""The parts of paths that are the API's own. Any other is somebody's id, and stands in no name."""


class CallMeter:
    """What is said of the requests to one deployment of `provider`, which are sent below `base`."""

    def __init__(self, *, provider: str, base: str) -> None:
        self._base = urlsplit(base)
        self._provider = provider
        self._attributes: dict[str, AttributeValue] = {
            genai.PROVIDER: genai.provider_name(provider),
            genai.OPERATION: genai.BATCH,
            "server.address": self._base.hostname or "",
            "url.scheme": self._base.scheme,
        }
        if self._base.port:
            self._attributes["server.port"] = self._base.port

    @contextmanager
    def call(self, request: httpx2.Request) -> Iterator["Call"]:
        """Count what is asked and answered in the block."""
        template = self._template(request.url)
        operation = f"{request.method} {template}"
        said = {**self._attributes, "http.request.method": request.method, "url.template": template}
        call = Call(child_span(operation, kind=SpanKind.CLIENT, attributes=said))
        began = time.perf_counter()
        try:
            yield call
        except asyncio.CancelledError:
            if call.status == _LOST:
                call.status = _CANCELLED
            raise
        except Exception as error:
            call.failed(type(error).__name__)
            raise
        finally:
            call.span.end()
            metrics.PROVIDER_REQUESTS.labels(self._provider, operation, call.status).inc()
            took = time.perf_counter() - began
            metrics.PROVIDER_SECONDS.labels(self._provider, operation).observe(took)

    def _template(self, url: httpx2.URL) -> str:
        # Where a download was redirected to is a host of the provider's choice.
        if url.host != self._base.hostname:
            return "/(elsewhere)"
        return path_template(url.path.removeprefix(self._base.path))


class Call:
    """One request under way; `status` is what it was answered with, so far as it was."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.status = _LOST

    def answered(self, status: int) -> None:
        """Note the status of the answer."""
        self.status = str(status)
        self.span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self.failed(self.status)

    def failed(self, kind: str) -> None:
        """Note that it has come to nothing, and in what way."""
        self.span.set_attribute("error.type", kind)
        self.span.set_status(Status(StatusCode.ERROR))


def path_template(path: str) -> str:
    """Return a path with `{id}` for whatever tells one thing from another."""
    return "/".join(_part(part) for part in path.partition("?")[0].split("/"))


def _part(part: str) -> str:
    # As in `batchPredictionJobs/123:cancel`.
    name, colon, verb = part.partition(":")
    return f"{_word(name)}{colon}{_word(verb)}"


def _word(name: str) -> str:
    return name if name in _WORDS or not name else "{id}"
