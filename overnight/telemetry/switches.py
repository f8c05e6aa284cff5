"""What the standard variables of OpenTelemetry ask for. With none of them set, nothing is sent anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_SPOKEN = "http/protobuf"
_OTLP = "otlp"
_NONE = "none"


class Signal(Enum):
    """What can be sent, by its name in the variables."""

    TRACES = "TRACES"
    METRICS = "METRICS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What is to be sent over OTLP; `warnings` say, for people, what was asked for and can't be done."""

    traces: bool = False
    metrics: bool = False
    warnings: tuple[str, ...] = ()


def read_switches(environ: Mapping[str, str]) -> Switches:
    """Read the variables. What they ask for and this version can't do is off, with a warning."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Switches()
    warnings: list[str] = []
    traces, metrics = (_wanted(signal, environ, warnings) for signal in Signal)
    return Switches(traces=traces, metrics=metrics, warnings=tuple(dict.fromkeys(warnings)))


def _wanted(signal: Signal, environ: Mapping[str, str], warnings: list[str]) -> bool:
    chosen = f"OTEL_{signal.value}_EXPORTER"
    exporters = [name.strip().lower() for name in environ.get(chosen, "").split(",") if name.strip()]
    if strange := sorted({*exporters} - {_OTLP, _NONE}):
        warnings.append(f"{chosen} names {strange[0]}, which this version can't do; it can do otlp and none.")
    own_endpoint = _ENDPOINT.replace("OTLP_", f"OTLP_{signal.value}_")
    has_endpoint = any(environ.get(name, "").strip() for name in (own_endpoint, _ENDPOINT))
    if _OTLP not in exporters and (exporters or not has_endpoint):
        return False
    own_protocol = _PROTOCOL.replace("OTLP_", f"OTLP_{signal.value}_")
    for name in (own_protocol, _PROTOCOL):
        protocol = environ.get(name, "").strip()
        if protocol and protocol != _SPOKEN:
            warnings.append(f"{name} is {protocol}, but only {_SPOKEN} is spoken here: nothing is sent.")
            return False
        if protocol:
            break
    return True
