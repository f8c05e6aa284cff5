"""OpenTelemetry's own variables decide what is sent; with none of them, nothing is."""

import pytest

from overnight.telemetry.switches import Switches, read_switches

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
GRPC = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, False, False),
        ({"OTEL_SERVICE_NAME": "mine"}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
        (HERE, True, True),
        ({**HERE, "OTEL_SDK_DISABLED": "True"}, False, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1/v1/traces"}, True, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1/v1/metrics"}, False, True),
        ({**HERE, "OTEL_METRICS_EXPORTER": "none"}, True, False),
        ({**HERE, "OTEL_TRACES_EXPORTER": "none"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, True),
        ({**HERE, **GRPC, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, True, False),
    ],
)
def test_the_variables_are_read_as_they_are_meant(
    environ: dict[str, str], *, traces: bool, metrics: bool
) -> None:
    found = read_switches(environ)
    assert (found.traces, found.metrics) == (traces, metrics)


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({**HERE, **GRPC}, "grpc"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({**HERE, "OTEL_METRICS_EXPORTER": "console"}, "console"),
    ],
)
def test_what_can_not_be_done_is_said(environ: dict[str, str], word: str) -> None:
    found = read_switches(environ)
    assert any(word in warning for warning in found.warnings)


def test_nothing_is_said_where_nothing_is_asked_for() -> None:
    assert read_switches(GRPC) == Switches()
