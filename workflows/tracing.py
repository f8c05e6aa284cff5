"""One trace from a client's request to the provider's calls: carried in Temporal's headers, safe to replay.

Inside workflows it is the SDK's own interceptor that works: its spans have no length, are made when something
happens for the first time and not when it is replayed, and change no command. Around it stand ours: only
what a request has begun is traced, a story that has ended gets a span as long as it was, and a keeper of
places, which serves all batches, belongs to none of their traces.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleQueryInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from activities.metering import outcome_of
from activities.place_payloads import PLACES
from overnight.telemetry import tracing

_WORKFLOW_ID = "temporalWorkflowID"
_RUN_ID = "temporalRunID"
_ACTIVITY_ID = "temporalActivityID"
"""As the SDK's own spans call them."""


_TELL_STORY = "overnight_tell_story"
_NANOSECONDS = 1_000_000_000


@runtime_checkable
class Told(Protocol):
    """A workflow that has something to say on the span of its whole story."""

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        """Return what that is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """A workflow that has ended. Moments are nanoseconds since 1970."""

    name: str
    headers: Mapping[str, Payload]
    began: int
    ended: int
    attributes: Mapping[str, AttributeValue]
    failed: bool


class BatchTracing(TracingInterceptor):
    """Traces clients, workflows and activities. To be made only where traces are wanted."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__(tracer)
        self.text_map_propagator = tracing.PROPAGATOR

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - Temporal's name
        """Wrap the client: what it starts and signals is told of the trace."""
        return _TracedClient(next, self)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - see above
        """Wrap the activity: a span of its own, below the workflow's."""
        return _TracedActivity(next, self)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - Temporal's name
    ) -> type[TracingWorkflowInboundInterceptor]:
        """Return the SDK's own, for traces and nothing else in the headers."""
        input.unsafe_extern_functions[_TELL_STORY] = self._tell
        super().workflow_interceptor_class(input)
        return _TracedWorkflow

    def with_trace(self, headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
        """Return headers that carry the current span."""
        carrier: dict[str, str] = {}
        self.text_map_propagator.inject(carrier)
        return {**headers, self.header_key: self.payload_converter.to_payload(carrier)}

    def trace_in(self, headers: Mapping[str, Payload]) -> Context | None:
        """Return the trace that headers carry, if there is one."""
        if self.header_key not in headers:
            return None
        carrier: dict[str, str] = self.payload_converter.from_payload(headers[self.header_key])
        return self.text_map_propagator.extract(carrier)

    def _tell(self, story: _Story) -> None:
        context = self.trace_in(story.headers)
        if context is None:
            return
        span = self.tracer.start_span(
            story.name, context, attributes=dict(story.attributes), start_time=story.began
        )
        if story.failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(story.ended)


class _TracedClient(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, root: BatchTracing) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self._root = root

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002 - see above
        if input.workflow == PLACES:
            return await super().start_workflow(input)
        with self._span(f"StartWorkflow:{input.workflow}", input):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002 - see above
        if not tracing.is_traced():
            await super().signal_workflow(input)
            return
        with self._span(f"SignalWorkflow:{input.signal}", input):
            await super().signal_workflow(input)

    @contextmanager
    def _span(self, name: str, input: StartWorkflowInput | SignalWorkflowInput) -> Iterator[None]:  # noqa: A002 - see above
        attributes = {_WORKFLOW_ID: input.id, tracing.BATCH_ID: _batch_of(input.id)}
        with self._root.tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            input.headers = self._root.with_trace(input.headers)
            with _failures_on(span):
                yield


class _TracedActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, root: BatchTracing) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self._root = root

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - Temporal's signature
        context = self._root.trace_in(input.headers)
        if context is None:
            return await super().execute_activity(input)
        info = activity.info()
        attributes: dict[str, AttributeValue] = {
            _WORKFLOW_ID: info.workflow_id or "",
            _RUN_ID: info.workflow_run_id or "",
            _ACTIVITY_ID: info.activity_id,
            tracing.BATCH_ID: _batch_of(info.workflow_id or ""),
            "overnight.attempt": info.attempt,
        }
        with (
            self._root.tracer.start_as_current_span(
                f"RunActivity:{info.activity_type}",
                context,
                kind=SpanKind.SERVER,
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
            _failures_on(span),
        ):
            return await super().execute_activity(input)


class _TracedWorkflow(TracingWorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:  # noqa: A002 - Temporal's name
        super().__init__(next)
        self.text_map_propagator = tracing.PROPAGATOR

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002, ANN401 - Temporal's signature
        try:
            outcome = await super().execute_workflow(input)
        except FailureError:
            self._tell_story(failed=True)
            raise
        self._tell_story()
        return outcome

    async def handle_query(self, input: HandleQueryInput) -> Any:  # noqa: A002, ANN401 - Temporal's signature
        """Answer without a span: housekeeping asks every batch, all the time."""
        return await self.next.handle_query(input)

    def _tell_story(self, *, failed: bool = False) -> None:
        if workflow.unsafe.is_replaying():
            return
        info, teller = workflow.info(), workflow.instance()
        said = teller.span_attributes() if isinstance(teller, Told) else {}
        story = _Story(
            name=info.workflow_type,
            headers=info.headers,
            began=int(info.start_time.timestamp() * _NANOSECONDS),
            ended=workflow.time_ns(),
            attributes={
                _WORKFLOW_ID: info.workflow_id,
                tracing.BATCH_ID: _batch_of(info.workflow_id),
                **said,
            },
            failed=failed,
        )
        workflow.extern_functions()[_TELL_STORY](story)


@contextmanager
def _failures_on(span: Span) -> Iterator[None]:
    """Note on the span how the block fails: in the words that Temporal is told, and without a stack."""
    try:
        yield
    except asyncio.CancelledError:
        span.set_attribute("overnight.outcome", "cancelled")
        raise
    except Exception as error:
        outcome = outcome_of(error)
        span.set_attribute("overnight.outcome", outcome)
        if outcome != "not_yet":
            kind = error.type if isinstance(error, ApplicationError) else None
            span.set_attribute("error.type", kind or type(error).__name__)
            span.set_status(Status(StatusCode.ERROR, str(error) if kind else None))
        raise


def _batch_of(workflow_id: str) -> str:
    return workflow_id.partition("/")[0]
