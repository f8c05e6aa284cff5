"""The workers of one process: which of them does what, on which queue, and how much of it at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.begun import BegunJobs
from activities.bookkeeping import Bookkeeping
from activities.charging import Charging
from activities.collect import Collect
from activities.ending import EndMeter
from activities.erasing import Erasing
from activities.events import EventBooks, SinkDesk
from activities.executions import Executions
from activities.housekeeping import Housekeeping
from activities.ingest import Ingest
from activities.jobs import ProviderJobs
from activities.lines import Lines
from activities.places import Places
from activities.recalling import Recalling
from activities.seal import Seal
from activities.sweeping import Sweeping
from activities.webhook_upkeep import WebhookUpkeep
from activities.webhooks import Webhooks
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.events.opening import opened_sink
from overnight.line_lane import LineLane
from overnight.pricing import load_price_list
from overnight.providers import Providers
from overnight.storage.protocol import Storage
from overnight.webhooks.sender import WebhookSender
from workers.buckets import trying_buckets
from workers.choosing import chosen, sent_as_lines
from workers.terms import USUAL, Terms
from workers.tuning import shared, slots_for_files
from workflows import queues
from workflows.batch import BatchWorkflow
from workflows.cleaning import CleanUpWorkflow
from workflows.events import EventWorkflow
from workflows.housekeeping import HousekeepingWorkflow
from workflows.moving_on import (
    MovingCleanUp,
    MovingEvent,
    MovingHousekeeping,
    MovingPlaces,
    MovingWebhook,
)
from workflows.places import PlacesWorkflow
from workflows.runs import BatchRuns
from workflows.shard import ShardWorkflow
from workflows.webhook_runs import WebhookRuns
from workflows.webhooks import WebhookWorkflow

MAX_CALLS = 100
"""Calls to one provider at once in one process. Most wait for an answer; few carry whole files."""

MAX_EVENTS = 10
"""Events handed to one sink at once by one process: enough for a rush, and no rush for the sink."""

STICKY_TIMEOUT = timedelta(seconds=5)
"""How long a workflow's next step waits for the worker that knows it; after a kill -9 that is nobody. A step
that has waited in vain goes to the end of the queue and has its whole story told again, so in a rush of new
batches much less would make the rush worse."""

CACHED_WORKFLOWS = 1_000
"""Stories that a worker knows by heart, at a quarter of a megabyte each: this bounds its memory. Of the two
that a native batch is, neither has much to do while its job runs, so few are missed."""

POLLERS = 2
"""Tasks given to a frozen worker's pollers come back only by timeout, so there are few."""

PROVIDER_POLLERS = 5
"""A thousand jobs are looked at 16 times a second, each look a task of its own; a busy server hands out some
five a second to one poller. Of a frozen worker they come back after a few missed heartbeats."""

BESIDE_BATCHES = (PlacesWorkflow, CleanUpWorkflow, HousekeepingWorkflow, EventWorkflow, WebhookWorkflow)
WITH_VERSIONS = (MovingPlaces, MovingCleanUp, MovingHousekeeping, MovingEvent, MovingWebhook)
"""The same, where workers have versions."""

_log = structlog.stdlib.get_logger(__name__)


@asynccontextmanager
async def working(
    client: Client,
    *,
    settings: Settings,
    catalog: Catalog,
    storage: Storage,
    only: Sequence[str] | None = None,
    terms: Terms = USUAL,
) -> AsyncIterator[None]:
    """Work on the queues for as long as the block runs; then all of them are drained at once."""
    wanted = chosen(settings, only)
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(LineLane())
        lines = Lines(settings=settings, catalog=catalog, storage=storage, lane=lane)
        # A Worker counts with Temporal's client as soon as it is made, so only those wanted are.
        workers: list[Worker] = []
        hooks = Webhooks(catalog=catalog, sender=WebhookSender(settings.webhook_hosts))
        if queues.BATCHES in wanted:
            # Steps that quote a price run between those of the workflows, which would wait for the list.
            await asyncio.to_thread(load_price_list)
            workers.append(
                _batches(client, hooks, terms, settings=settings, catalog=catalog, storage=storage)
            )
        if queues.WEBHOOKS in wanted:
            workers.append(_webhooks(client, hooks, terms))
        for name, sink_settings in settings.sinks.items():
            if queues.events(name) in wanted:
                sink = await stack.enter_async_context(opened_sink(sink_settings))
                desk = SinkDesk(name, settings=settings, catalog=catalog, storage=storage, sink=sink)
                workers.append(_events(client, desk, terms, sink=name))
        chunks = (each for each in sent_as_lines(settings) if queues.lines(each.id) in wanted)
        # Batches that run may know a deployment by another of its ids.
        known_as = (each_id for each in chunks for each_id in each.ids)
        workers += (_lines(client, lines, terms, deployment=each_id) for each_id in known_as)
        here = [name for name in settings.providers if queues.provider(name) in wanted]
        if here:
            await stack.enter_async_context(trying_buckets(settings))
            providers = Providers()
            stack.push_async_callback(providers.close)
            for name in here:
                jobs = ProviderJobs(
                    name, settings=settings, catalog=catalog, storage=storage, providers=providers
                )
                rate = settings.provider_calls_per_second
                workers.append(_provider(client, jobs, terms, name=name, rate=rate))
        for worker in workers:
            await stack.enter_async_context(worker)
            _log.info("worker polling", queue=worker.task_queue)
        yield
        await asyncio.gather(*(worker.shutdown() for worker in workers))


def _batches(
    client: Client,
    hooks: Webhooks,
    terms: Terms,
    *,
    settings: Settings,
    catalog: Catalog,
    storage: Storage,
) -> Worker:
    events, ends = EventBooks(settings=settings, catalog=catalog), EndMeter(settings)
    recalling = Recalling(client=client, catalog=catalog, storage=storage)
    books = Bookkeeping(catalog=catalog, storage=storage, events=events, recalling=recalling, ends=ends)
    ingest = Ingest(settings=settings, catalog=catalog, storage=storage)
    collect = Collect(catalog=catalog, storage=storage)
    seal = Seal(catalog=catalog, storage=storage)
    charging = Charging(settings=settings, catalog=catalog, storage=storage)
    begun = BegunJobs(catalog)
    executions = Executions(client=client)
    places = Places(catalog=catalog, begun=begun, client=client)
    restarts = BatchRuns(client)
    house = Housekeeping(
        catalog=catalog,
        client=client,
        restarts=restarts,
        events=events,
        books=books,
        recalling=recalling,
        ends=ends,
    )
    erasing = Erasing(catalog=catalog, storage=storage)
    sweeping = Sweeping(catalog=catalog, storage=storage, client=client)
    upkeep = WebhookUpkeep(catalog=catalog, deliveries=WebhookRuns(client))
    return Worker(
        client,
        task_queue=queues.BATCHES,
        workflows=[BatchWorkflow, ShardWorkflow, *(WITH_VERSIONS if terms.build else BESIDE_BATCHES)],
        activities=[
            books.open_batch,
            books.record,
            books.read_progress,
            ingest.ingest,
            collect.collect,
            collect.tidy,
            seal.seal_shard,
            charging.quote,
            charging.charge_shard,
            places.ask_for_place,
            places.note_waiting,
            begun.begun_before,
            executions.until_closed,
            executions.closed_with_its_parent,
            house.reconcile,
            erasing.erase_files,
            erasing.clear_uploads,
            sweeping.sweep,
            events.known_sinks,
            hooks.webhooks_due,
            hooks.give_up_webhook,
            upkeep.keep_webhooks,
        ],
        max_cached_workflows=CACHED_WORKFLOWS,
        tuner=slots_for_files(),
        max_concurrent_activity_task_polls=POLLERS,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        **shared(terms),
    )


def _events(client: Client, desk: SinkDesk, terms: Terms, *, sink: str) -> Worker:
    return Worker(
        client,
        task_queue=queues.events(sink),
        activities=[desk.emit_event],
        max_concurrent_activities=MAX_EVENTS,
        max_concurrent_activity_task_polls=POLLERS,
        **shared(terms),
    )


def _webhooks(client: Client, hooks: Webhooks, terms: Terms) -> Worker:
    return Worker(
        client,
        task_queue=queues.WEBHOOKS,
        activities=[hooks.deliver_webhook],
        max_concurrent_activity_task_polls=POLLERS,
        **shared(terms),
    )


def _lines(client: Client, lines: Lines, terms: Terms, *, deployment: str) -> Worker:
    return Worker(
        client,
        task_queue=queues.lines(deployment),
        activities=[lines.send_chunk],
        max_concurrent_activities=terms.max_chunks,
        max_concurrent_activity_task_polls=POLLERS,
        **shared(terms),
    )


def _provider(client: Client, jobs: ProviderJobs, terms: Terms, *, name: str, rate: float | None) -> Worker:
    return Worker(
        client,
        task_queue=queues.provider(name),
        activities=jobs.activities,
        # Temporal keeps it for the queue, so for all workers together; each of them has to say the same.
        max_task_queue_activities_per_second=rate,
        max_concurrent_activities=MAX_CALLS,
        max_concurrent_activity_task_polls=PROVIDER_POLLERS,
        **shared(terms),
    )
