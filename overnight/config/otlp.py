"""Where OTLP goes by OpenTelemetry's own environment variables, and by LiteLLM's for it."""

from collections.abc import Mapping
from urllib.parse import unquote

from overnight.config.vendors import first_set, value_of
from overnight.events.settings import OtlpSettings, Signal

BASES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_ENDPOINT")
"""The first is OpenTelemetry's, the second LiteLLM's."""

_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_HEADERS")
_SERVICE = ("OTEL_SERVICE_NAME",)
_RESOURCE = ("OTEL_RESOURCE_ATTRIBUTES",)


def otlp_address(endpoint: str, signal: Signal) -> str:
    """Return the URL of a signal below an endpoint, unless the endpoint is that URL already."""
    path = f"/v1/{signal.value}"
    bare = endpoint.rstrip("/")
    return bare if bare.endswith(path) else f"{bare}{path}"


def otlp_from_environment(
    environ: Mapping[str, str], *, name: str, signal: Signal = Signal.LOGS
) -> OtlpSettings | None:
    """Return the sink that the environment describes, None if it describes none."""
    kind = signal.value.upper()
    own = first_set(environ, (f"OTEL_EXPORTER_OTLP_{kind}_ENDPOINT",))
    base = value_of(environ, BASES)
    if own is None and base is None:
        return None
    headers = value_of(environ, (f"OTEL_EXPORTER_OTLP_{kind}_HEADERS", *_HEADERS))
    service = value_of(environ, _SERVICE)
    return OtlpSettings(
        name=name,
        # What is said of one signal is taken as it is, as OpenTelemetry has it.
        url=own.value if own else otlp_address(base or "", signal),
        signal=signal,
        headers=_pairs(headers),
        resource={
            **_pairs(value_of(environ, _RESOURCE)),
            **({"service.name": service} if service else {}),
        },
    )


def _pairs(text: str | None) -> dict[str, str]:
    """Read `key=value,key=value`, the values percent-encoded."""
    pairs = (pair.partition("=") for pair in (text or "").split(",") if "=" in pair)
    return {key.strip(): unquote(value.strip()) for key, _, value in pairs}
