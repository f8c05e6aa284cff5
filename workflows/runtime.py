"""The Temporal SDK's core with its own metrics, which it serves on loopback for this process to read."""

import socket

import structlog
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from overnight.telemetry.exposition import Page

_HOST = "127.0.0.1"
_TRIES = 5

_log = structlog.stdlib.get_logger(__name__)


def measured_runtime() -> tuple[Runtime, Page] | None:
    """Return a core that counts, and its page; None if it can't have a port. One is enough for a process."""
    for _ in range(_TRIES):
        address = f"{_HOST}:{_free_port()}"
        # Names as Prometheus wants them: with their units, durations in seconds.
        served = PrometheusConfig(
            bind_address=address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
        )
        try:
            runtime = Runtime(telemetry=TelemetryConfig(metrics=served))
        except ValueError:
            # Somebody else was faster.
            continue
        return runtime, Page(f"http://{address}/metrics")
    _log.warning("no metrics of Temporal's SDK", why="it gets no port")
    return None


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as free:
        port: int = free.getsockname()[1]
        return port
