"""OTLP's protobuf: records as logs, or as the spans of a trace for products that take nothing else.

Ids of traces and spans come from those of batch and event, so that a record which comes twice can be told.
All events of a batch are one trace; its last event is the span that the others stand in.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from overnight.events.gen_ai import Attributes
from overnight.events.settings import Signal

_SCOPE = InstrumentationScope(name="overnight.events")
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something that OTLP is to carry. `trace` names what it belongs to, `is_root` that it is all of that."""

    name: str
    id: str
    trace: str
    since: datetime
    at: datetime
    body: str
    attributes: Attributes
    is_root: bool = False
    failed: bool = False


def request_of(signal: Signal, records: Iterable[Record], *, resource: Mapping[str, str]) -> bytes:
    """Return the body of one export."""
    of_whom = Resource(attributes=_attributes(resource))
    match signal:
        case Signal.LOGS:
            logs = ScopeLogs(scope=_SCOPE, log_records=[_log_record(each) for each in records])
            return ExportLogsServiceRequest(
                resource_logs=[ResourceLogs(resource=of_whom, scope_logs=[logs])]
            ).SerializeToString()
        case Signal.TRACES:
            spans = ScopeSpans(scope=_SCOPE, spans=[_span(each) for each in records])
            return ExportTraceServiceRequest(
                resource_spans=[ResourceSpans(resource=of_whom, scope_spans=[spans])]
            ).SerializeToString()


def rejected(signal: Signal, answer: bytes) -> int:
    """Return how many records an answer says were not taken. Raises ValueError if it says nothing."""
    match signal:
        case Signal.LOGS:
            logs = ExportLogsServiceResponse.FromString(answer)
            return logs.partial_success.rejected_log_records
        case Signal.TRACES:
            traces = ExportTraceServiceResponse.FromString(answer)
            return traces.partial_success.rejected_spans


def _log_record(record: Record) -> LogRecord:
    return LogRecord(
        time_unix_nano=_nanoseconds(record.at),
        observed_time_unix_nano=_nanoseconds(record.at),
        severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR
        if record.failed
        else SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="ERROR" if record.failed else "INFO",
        body=AnyValue(string_value=record.body),
        attributes=_attributes(record.attributes),
        trace_id=_trace_id(record.trace),
        span_id=_span_id(record),
        event_name=record.name,
    )


def _span(record: Record) -> Span:
    return Span(
        trace_id=_trace_id(record.trace),
        span_id=_span_id(record),
        parent_span_id=b"" if record.is_root else _hash(record.trace, length=8),
        name=record.name,
        kind=Span.SpanKind.SPAN_KIND_CLIENT,
        start_time_unix_nano=_nanoseconds(record.since),
        end_time_unix_nano=_nanoseconds(record.at),
        attributes=_attributes(record.attributes),
        status=Status(code=Status.STATUS_CODE_ERROR if record.failed else Status.STATUS_CODE_OK),
    )


def _attributes(values: Attributes | Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in values.items()]


def _any(value: str | float) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case _:
            return AnyValue(double_value=value)


def _trace_id(name: str) -> bytes:
    return _hash(f"trace {name}", length=16)


def _span_id(record: Record) -> bytes:
    return _hash(record.trace if record.is_root else record.id, length=8)


def _hash(text: str, *, length: int) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:length]


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1_000
