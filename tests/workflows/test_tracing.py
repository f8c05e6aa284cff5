"""Traces through real workflows: one tree, nothing told twice, and no history that can't be replayed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.worker import Replayer

from overnight.telemetry import tracing
from tests.conftest import skipping_time
from tests.workflows.scripted import Script
from tests.workflows.stage import Stage
from tests.workflows.test_batch_story import ONE_SHARD
from tests.workflows.test_replay import RECORDED, history
from workflows.batch import BatchWorkflow
from workflows.events import EventWorkflow
from workflows.places import PlacesWorkflow
from workflows.plugin import OvernightPlugin
from workflows.shard import ShardWorkflow
from workflows.webhooks import WebhookWorkflow


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What has been told, once traces are wanted."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider.get_tracer("tests"))
    yield exporter
    tracing.use(None)


@pytest.fixture
async def traced(spans: InMemorySpanExporter) -> AsyncIterator[Stage]:
    """A stage of its own, whose client and workers are traced."""
    async with skipping_time() as environment:
        yield Stage(environment)


def replayer() -> Replayer:
    workflows = [BatchWorkflow, ShardWorkflow, PlacesWorkflow, WebhookWorkflow, EventWorkflow]
    return Replayer(workflows=workflows, plugins=[OvernightPlugin()])


def depth(span: ReadableSpan, told: dict[int, ReadableSpan]) -> int:
    """Return how far a span is below the root. Raises KeyError if there is a gap."""
    return 0 if span.parent is None else 1 + depth(told[span.parent.span_id], told)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_history_from_before_there_were_traces_is_replayed(
    spans: InMemorySpanExporter, path: Path
) -> None:
    await replayer().replay_workflow(history(path))
    assert spans.get_finished_spans() == ()


async def test_a_story_that_is_replayed_tells_nothing_a_second_time(
    traced: Stage, spans: InMemorySpanExporter
) -> None:
    async with traced.playing(Script(ONE_SHARD)):
        with tracing.tracer().start_as_current_span("request"):
            handle = await traced.begin(await traced.order())
        await handle.result()
    before = [span for span in spans.get_finished_spans() if span.context]
    told = {span.context.span_id: span for span in before if span.context}
    assert len({span.context.trace_id for span in before if span.context}) == 1
    assert max(depth(span, told) for span in before) >= 4
    names = [span.name for span in before]
    for name in ("Batch", "Shard", "RunWorkflow:Batch", "RunActivity:seal_shard", "CompleteWorkflow:Batch"):
        assert names.count(name) == 1, name

    shard = traced.client.get_workflow_handle(f"{handle.id}/shard-0000")
    for played in (handle, shard):
        await replayer().replay_workflow(await played.fetch_history())
    assert len(spans.get_finished_spans()) == len(before)


async def test_nobody_is_told_where_traces_are_not_wanted(stage: Stage) -> None:
    async with stage.playing(Script(ONE_SHARD)):
        handle = await stage.begin(await stage.order())
        await handle.result()
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    assert not started.header.fields
