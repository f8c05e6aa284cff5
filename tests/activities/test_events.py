"""Events as the steps of a batch tell them: to the log with what they do anyway, to sinks one at a time."""

import asyncio
import json
import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Worker

from activities.event_payloads import Telling
from activities.events import EventBooks, SinkDesk
from activities.payloads import Record
from overnight.domain import ids
from overnight.domain.batch import BatchChange, BatchError, Stamps
from overnight.domain.errors import CatalogUnavailable, SinkUnavailable
from overnight.domain.event import BatchEvent, EventType, Occurrence
from overnight.domain.file import BatchFileKind
from overnight.domain.layout import file_key
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, Usage
from overnight.events.protocol import Bookmark, Exchange, Exchanges, Sink
from overnight.events.settings import WebhookSettings
from tests.activities.house import BATCH, NOW, House, bookkeeping, deployment, lines, order, settings
from workflows import queues
from workflows.events import EventWorkflow

BEGUN = BatchChange(
    revision=1,
    status=BatchStatus.IN_PROGRESS,
    stamps=Stamps(in_progress_at=NOW),
    counts=Counts(8),
    model="m",
    deployments=("dep_1",),
)
DONE = replace(
    BEGUN,
    revision=2,
    status=BatchStatus.COMPLETED,
    stamps=Stamps(in_progress_at=NOW, completed_at=NOW),
    counts=Counts(8, 8, 0),
    usage=Usage(input=10, output=5),
    cost=Decimal("0.25"),
)
AUDIT = WebhookSettings(name="audit", url="http://127.0.0.1:9", secret="MDEyMw==")


class Kept:
    """A sink that keeps what it was given, in memory."""

    def __init__(self) -> None:
        self.events: list[BatchEvent] = []
        self.exchanges: list[Exchange] = []

    async def emit(
        self, event: BatchEvent, exchanges: Exchanges | None = None, bookmark: Bookmark | None = None
    ) -> None:
        self.events.append(event)
        self.exchanges += [each async for each in exchanges()] if exchanges else []


class Weary:
    """A sink that takes two lines a try, and then is not well."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def emit(
        self, event: BatchEvent, exchanges: Exchanges | None = None, bookmark: Bookmark | None = None
    ) -> None:
        assert exchanges is not None
        assert bookmark is not None
        enough = bookmark.lines + 2
        async for each in exchanges():
            if each.index == enough:
                raise SinkUnavailable("the sink is not well: it answered 503")
            if each.index >= bookmark.lines:
                self.taken.append(each.custom_id)
                bookmark.lines += 1
        self.taken.append(event.type)


async def logged(step: Any, *given: Any) -> list[dict[str, Any]]:
    with capture_logs() as entries:
        await ActivityEnvironment().run(step, *given)
    return [entry["batch_event"] for entry in entries if entry["event"] == "batch event"]


async def test_the_log_hears_of_a_batch_from_steps_that_are_made_anyway(house: House) -> None:
    books = bookkeeping(house)
    (created,) = await logged(books.open_batch, order())
    (submitted,) = await logged(books.record, Record(batch_id=BATCH, change=BEGUN))
    await house.catalog.report_progress(
        BATCH, shard=0, chunk=0, attempt="a", counts=Counts(8, 4, 1), tokens=7, waiting_on=None
    )
    (progress,) = await logged(books.read_progress, BATCH, 0)
    (success,) = await logged(books.record, Record(batch_id=BATCH, change=DONE))
    told = [created, submitted, progress, success]
    assert [each["type"] for each in told] == [
        "acreate_batch",
        "batch_submitted",
        "batch_progress",
        "batch_success",
    ]
    assert [each["provider"] for each in told] == [None, *["hosted_vllm"] * 3]
    assert (progress["request_counts"]["completed"], progress["tokens"]) == (4, 7)
    assert (success["response_cost"], success["usage"]["total_tokens"]) == (0.25, 15)


async def test_a_look_at_the_progress_tells_no_step_twice(house: House) -> None:
    books = bookkeeping(house)
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, BEGUN)
    await house.catalog.report_progress(
        BATCH, shard=0, chunk=0, attempt="a", counts=Counts(8, 5, 0), tokens=7, waiting_on=None
    )
    assert await logged(books.read_progress, BATCH, 2) == []


async def test_what_came_too_late_to_be_written_is_no_event(house: House) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, DONE)
    assert await logged(bookkeeping(house).record, Record(batch_id=BATCH, change=BEGUN)) == []


async def test_whoever_wants_no_events_in_the_log_has_none(house: House) -> None:
    quiet = replace(settings(sinks={"audit": AUDIT}), logs_events=False)
    assert await logged(bookkeeping(house, quiet).open_batch, order()) == []


async def test_a_batch_learns_at_its_opening_who_is_to_hear_of_it(house: House) -> None:
    opened = await ActivityEnvironment().run(
        bookkeeping(house, settings(sinks={"audit": AUDIT})).open_batch, order()
    )
    assert opened.sinks == ("audit",)


async def test_sinks_that_are_no_longer_configured_are_told_apart(house: House) -> None:
    books = EventBooks(settings=settings(sinks={"audit": AUDIT}), catalog=house.catalog)
    with capture_logs() as entries:
        assert await ActivityEnvironment().run(books.known_sinks, ("audit", "gone")) == ("audit",)
    (entry,) = entries
    assert (entry["log_level"], entry["sinks"]) == ("warning", ["gone"])


@pytest.fixture
async def ended(house: House) -> House:
    await house.upload(lines(3))
    for kind in (BatchFileKind.OUTPUT, BatchFileKind.ERROR):
        picked = (0, 2) if kind is BatchFileKind.OUTPUT else (1,)
        found = (json.dumps({"custom_id": f"line-{number}"}).encode() + b"\n" for number in picked)
        await house.put(file_key(ids.output_file_id(BATCH, kind)), *found)
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, DONE)
    return house


def desk_of(house: House, sink: Sink, *, log_content: bool) -> SinkDesk:
    here = settings(deployment(), sinks={"audit": replace(AUDIT, log_content=log_content)})
    return SinkDesk("audit", settings=here, catalog=house.catalog, storage=house.storage, sink=sink)


async def emitted(house: House, kind: EventType, *, log_content: bool) -> Kept:
    kept = Kept()
    desk = desk_of(house, kept, log_content=log_content)
    occurrence = Occurrence(batch_id=BATCH, type=kind, at=NOW)
    await ActivityEnvironment().run(desk.emit_event, occurrence)
    return kept


async def test_a_sink_is_handed_the_event_of_the_row_and_no_content(ended: House) -> None:
    kept = await emitted(ended, EventType.SUCCESS, log_content=False)
    (event,) = kept.events
    assert (event.response_cost, event.usage, event.provider) == (Decimal("0.25"), DONE.usage, "hosted_vllm")
    assert kept.exchanges == []


async def test_an_end_that_the_row_does_not_know_of_yet_is_told_later_and_with_its_reason(
    house: House,
) -> None:
    await house.catalog.add_batch(order())
    await house.catalog.record(BATCH, BEGUN)
    with pytest.raises(CatalogUnavailable):
        await emitted(house, EventType.FAILED, log_content=False)
    reason = BatchError(code="internal_error", message="given up")
    await house.catalog.record(
        BATCH, replace(BEGUN, revision=2, status=BatchStatus.FAILED, errors=(reason,), errors_total=1)
    )
    (event,) = (await emitted(house, EventType.FAILED, log_content=False)).events
    assert (event.error_code, event.errors) == ("internal_error", 1)


async def test_a_sink_that_wants_content_gets_it_with_the_end_and_not_before(ended: House) -> None:
    assert (await emitted(ended, EventType.SUBMITTED, log_content=True)).exchanges == []
    kept = await emitted(ended, EventType.SUCCESS, log_content=True)
    assert [each.custom_id for each in kept.exchanges] == ["line-0", "line-1", "line-2"]
    assert all(each.answer for each in kept.exchanges)


async def test_a_sink_that_fails_goes_on_with_the_lines_where_it_was(
    ended: House, temporal: WorkflowEnvironment
) -> None:
    weary = Weary()
    telling = Telling(occurrence=Occurrence(batch_id=BATCH, type=EventType.SUCCESS, at=NOW), sinks=("audit",))
    client, queue = temporal.client, secrets.token_hex(8)
    desk = desk_of(ended, weary, log_content=True)
    async with (
        Worker(client, task_queue=queue, workflows=[EventWorkflow]),
        Worker(client, task_queue=queues.events("audit"), activities=[desk.emit_event]),
        asyncio.timeout(60),
    ):
        await client.execute_workflow(EventWorkflow.run, telling, id=queue, task_queue=queue)
    assert weary.taken == ["line-0", "line-1", "line-2", EventType.SUCCESS]


async def test_an_event_of_a_batch_that_a_restored_catalog_has_lost_is_kept(house: House) -> None:
    with pytest.raises(CatalogUnavailable):
        await emitted(house, EventType.SUCCESS, log_content=False)
