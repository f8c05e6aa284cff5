"""Traces, as the rest of the library sees them: spans that cost nothing unless somebody wants them.

Only OpenTelemetry's API is used here; what makes spans real and sends them is in `otlp.py`. A span begins
only below another. So each trace is a request's, and what nobody asked for (housekeeping, a keeper of places)
has none.
"""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

SCOPE = "overnight"

PROPAGATOR = TraceContextTextMapPropagator()
"""How a trace is carried on. Baggage is not: it is whatever a client sends, and would be in histories."""

BATCH_ID = "overnight.batch.id"

Attributes = Mapping[str, AttributeValue]


class _Chosen:
    tracer: Tracer = NoOpTracer()
    on = False


def use(tracer: Tracer | None) -> None:
    """Have spans made by this tracer from now on; None makes none."""
    _Chosen.tracer, _Chosen.on = tracer or NoOpTracer(), tracer is not None


def is_on() -> bool:
    """Whether anybody wants spans."""
    return _Chosen.on


def tracer() -> Tracer:
    """Return what makes spans; it makes none unless they are wanted."""
    return _Chosen.tracer


def is_traced() -> bool:
    """Whether what runs here belongs to a trace that is recorded."""
    return _Chosen.on and trace.get_current_span().is_recording()


def child_span(name: str, *, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes) -> Span:
    """Begin a span below the current one, without making it the current one. Whoever began it ends it."""
    if not is_traced():
        return INVALID_SPAN
    return _Chosen.tracer.start_span(name, kind=kind, attributes=dict(attributes))


def note(attributes: Attributes) -> None:
    """Add attributes to the current span, if there is one."""
    if _Chosen.on:
        trace.get_current_span().set_attributes(dict(attributes))


def current_ids() -> dict[str, str]:
    """Return the ids of the current span for a line of the log; nothing if there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }
