"""A collector of OpenTelemetry's on a socket of its own, which keeps all that it is sent, or hangs."""

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Takes traces and metrics over HTTP. With `hanging` it takes connections, and never answers."""

    def __init__(self, *, hanging: bool = False) -> None:
        self._received: list[tuple[str, bytes]] = []
        self._going = threading.Event()
        collector = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hanging:
                    collector._going.wait()
                collector._received.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._server.daemon_threads = True

    @property
    def environ(self) -> dict[str, str]:
        """What points a process at it, and has it send soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_address[1]}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }

    def everything(self) -> bytes:
        """Return all bytes that it was ever sent."""
        return b"".join(body for _, body in self._received)

    def spans(self) -> list[Span]:
        """Return the spans that it was sent."""
        return [span for sent in self._traces() for part in sent.resource_spans for span in _spans(part)]

    def services(self) -> set[str]:
        """Return the names of those who have sent spans."""
        return {
            attribute.value.string_value
            for sent in self._traces()
            for part in sent.resource_spans
            for attribute in part.resource.attributes
            if attribute.key == "service.name"
        }

    def metrics(self, name: str) -> list[Metric]:
        """Return every export of the metric of that name."""
        return [
            metric
            for path, body in list(self._received)
            if path == "/v1/metrics"
            for part in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in part.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]

    def _traces(self) -> Iterator[ExportTraceServiceRequest]:
        for path, body in list(self._received):
            if path == "/v1/traces":
                yield ExportTraceServiceRequest.FromString(body)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going.set()
        self._server.shutdown()
        self._server.server_close()


def attributes(span: Span) -> dict[str, Any]:
    """Return what a span says of what it is about."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


def ancestry(span: Span, spans: Sequence[Span]) -> list[Span]:
    """Return the spans above one, the nearest first, as far up as they were sent."""
    by_id = {each.span_id: each for each in spans}
    above = []
    while found := by_id.get(span.parent_span_id):
        above.append(found)
        span = found
    return above


def _spans(part: Any) -> Iterator[Span]:
    for scope in part.scope_spans:
        yield from scope.spans
