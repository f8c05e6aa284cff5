"""What a trace tells of a chunk: its sums, and the requests of one of its lines.

A span for each of 50,000 lines would be more than anybody wants to look at or to pay for. One line a chunk
shows how the endpoint answers, each of its tries a span; the chunk's own span has what all of them came to.
The endpoint is sent nothing of it.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from overnight.domain.deployment import ANY_MODEL, Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.usage import Counts
from overnight.line_lane.budget import Hold
from overnight.line_lane.meter import failure_kind
from overnight.line_lane.sender import LineSender
from overnight.line_lane.transport import Answer, BadReply, Outcome, Posting
from overnight.telemetry import genai
from overnight.telemetry.tracing import child_span, is_traced, note


def shown(sender: LineSender, deployment: Deployment, *, endpoint: Endpoint) -> LineSender:
    """Return a sender whose every request is a span; the same one where nobody looks."""
    if not is_traced():
        return sender
    return replace(sender, transport=_ShownTransport(sender.transport, deployment, endpoint=endpoint))


def note_chunk(counts: Counts, deployment: Deployment, *, endpoint: Endpoint, tokens: int) -> None:
    """Say on the current span what a chunk has come to, earlier tries included."""
    if is_traced():
        lines = {
            "overnight.lines.total": counts.total,
            "overnight.lines.completed": counts.completed,
            "overnight.lines.failed": counts.failed,
            "overnight.tokens": tokens,
        }
        note({**_of(deployment, endpoint), **lines})


class _ShownTransport:
    def __init__(self, transport: Posting, deployment: Deployment, *, endpoint: Endpoint) -> None:
        self._transport = transport
        attributes = _of(deployment, endpoint)
        self._name = " ".join(str(attributes[key]) for key in _NAMED_BY if key in attributes)
        address = urlsplit(deployment.api_base)
        self._attributes: dict[str, AttributeValue] = {
            **attributes,
            "http.request.method": "POST",
            "url.template": endpoint.below_base,
            "server.address": address.hostname or "",
        }
        if address.port:
            self._attributes["server.port"] = address.port

    async def post(self, body: bytes, *, hold: Hold) -> Outcome:
        """Send one request, and say how it was answered."""
        span = child_span(self._name, kind=SpanKind.CLIENT, attributes=self._attributes)
        try:
            outcome = await self._transport.post(body, hold=hold)
            _tell(span, outcome)
            return outcome
        finally:
            span.end()


_NAMED_BY = (genai.OPERATION, genai.REQUEST_MODEL)


def _of(deployment: Deployment, endpoint: Endpoint) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        genai.PROVIDER: genai.provider_name(deployment.provider),
        genai.OPERATION: genai.operation_name(endpoint),
    }
    if deployment.model != ANY_MODEL:
        attributes[genai.REQUEST_MODEL] = deployment.model
    return attributes


def _tell(span: Span, outcome: Outcome) -> None:
    if isinstance(outcome, Answer | BadReply):
        span.set_attribute("http.response.status_code", outcome.status)
    if isinstance(outcome, Answer):
        span.set_attributes(genai.usage_attributes(outcome.reading.usage))
        if outcome.reading.model:
            span.set_attribute(genai.RESPONSE_MODEL, outcome.reading.model)
    else:
        span.set_attribute("error.type", failure_kind(outcome))
        span.set_status(Status(StatusCode.ERROR))
