"""What gateway, workers and tests must share of Temporal, in one plugin.

The converter (frozen dataclasses with datetimes and decimals in them), the modules that the workflow
sandbox need not load again for every run, and the translation of activities' errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.failures import FailureTranslation
from activities.log_context import LogContext
from activities.metering import ActivityMeter
from overnight.telemetry import tracing

if TYPE_CHECKING:
    from workflows.tracing import BatchTracing

_PASSED_THROUGH = (
    "activities",
    "overnight",
    "aiohttp",
    "alembic",
    "msgspec",
    "opentelemetry",
    "prometheus_client",
    "sqlalchemy",
    "structlog",
    "yaml",
)


def _runner(_: WorkflowRunner | None) -> WorkflowRunner:
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
    )


class OvernightPlugin(SimplePlugin):
    """Hand it to `Client.connect`; workers made with that client get it from there."""

    def __init__(self) -> None:
        super().__init__(
            "overnight",
            data_converter=pydantic_data_converter,
            workflow_runner=_runner,
            interceptors=[*_tracing(), LogContext(), ActivityMeter(), FailureTranslation()],
        )


def _tracing() -> tuple[BatchTracing, ...]:
    """Return what traces, if anybody wants traces. Outermost, so that logs have the trace's id."""
    if not tracing.is_on():
        return ()
    # Imported for those who want them only: it takes its time.
    from workflows.tracing import BatchTracing  # noqa: PLC0415 - see above

    return (BatchTracing(tracing.tracer()),)
