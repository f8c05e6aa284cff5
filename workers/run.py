"""One worker process: connects, polls its queues, drains when it is told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.bookkeeping import Bookkeeping
from activities.collect import Collect
from activities.erasing import Erasing
from activities.executions import Executions
from activities.housekeeping import Housekeeping
from activities.ingest import Ingest
from activities.jobs import ProviderJobs
from activities.lines import Lines
from activities.places import Places
from activities.seal import Seal
from activities.sweeping import Sweeping
from overnight.catalog import Catalog, open_engine
from overnight.config import Settings
from overnight.domain.deployment import BatchLane
from overnight.line_lane import LineLane
from overnight.providers import Providers
from overnight.storage.opening import opened
from overnight.storage.protocol import Storage
from workflows import queues
from workflows.batch import BatchWorkflow
from workflows.cleaning import CleanUpWorkflow
from workflows.connecting import connect
from workflows.housekeeping import HousekeepingWorkflow, ensure_schedule
from workflows.places import PlacesWorkflow
from workflows.runs import BatchRuns
from workflows.shard import ShardWorkflow

GRACE = timedelta(seconds=10)
"""How long a worker that is told to stop lets activities finish; then they are handed back."""

HEARTBEAT_THROTTLE = timedelta(seconds=1)
"""A cancel reaches an activity with its heartbeats, so they are not to be held back for longer."""

MAX_CALLS = 100
"""Calls to one provider at once in one process. Most wait for an answer; few carry whole files."""

MAX_CHUNKS = 16
"""Chunks of one deployment at once in one process; a batch has up to six. What they hold in memory together
is bounded by the lane."""

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

_log = structlog.stdlib.get_logger(__name__)


async def run_worker(
    settings: Settings, *, temporal_address: str | None = None, only: Sequence[str] | None = None
) -> None:
    """Work on `only` these queues (None: on all), until SIGTERM or SIGINT; then drain and return."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    client = await connect(temporal_address)
    engine = open_engine(settings.database_url)
    try:
        async with (
            opened(settings.storage) as storage,
            working(client, settings=settings, catalog=Catalog(engine), storage=storage, only=only),
        ):
            await ensure_schedule(client)
            await stopping.wait()
            _log.info("worker draining", grace_seconds=GRACE.total_seconds())
    finally:
        await engine.dispose()


@asynccontextmanager
async def working(
    client: Client,
    *,
    settings: Settings,
    catalog: Catalog,
    storage: Storage,
    only: Sequence[str] | None = None,
) -> AsyncIterator[None]:
    """Work on the queues for as long as the block runs; then all of them are drained at once."""
    wanted = only or queues.ALL
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(LineLane())
        lines = Lines(settings=settings, catalog=catalog, storage=storage, lane=lane)
        # A Worker counts with Temporal's client as soon as it is made, so only those wanted are.
        workers: list[Worker] = []
        if queues.BATCHES in wanted:
            workers.append(_batches(client, settings=settings, catalog=catalog, storage=storage))
        if queues.LINES in wanted:
            sent_as_lines = (each for each in settings.deployments if each.lane is BatchLane.LINES)
            workers += (_lines(client, lines, deployment=each.id) for each in sent_as_lines)
        if queues.PROVIDER in wanted:
            providers = Providers()
            stack.push_async_callback(providers.close)
            for name in settings.providers:
                jobs = ProviderJobs(
                    name, settings=settings, catalog=catalog, storage=storage, providers=providers
                )
                workers.append(_provider(client, jobs, name=name, rate=settings.provider_calls_per_second))
        for worker in workers:
            await stack.enter_async_context(worker)
            _log.info("worker polling", queue=worker.task_queue)
        yield
        await asyncio.gather(*(worker.shutdown() for worker in workers))


def _batches(client: Client, *, settings: Settings, catalog: Catalog, storage: Storage) -> Worker:
    books = Bookkeeping(catalog=catalog, storage=storage)
    ingest = Ingest(settings=settings, catalog=catalog, storage=storage)
    collect = Collect(catalog=catalog, storage=storage)
    seal = Seal(catalog=catalog, storage=storage)
    places = Places(catalog=catalog, client=client)
    house = Housekeeping(catalog=catalog, client=client, restarts=BatchRuns(client))
    erasing = Erasing(catalog=catalog, storage=storage)
    sweeping = Sweeping(catalog=catalog, storage=storage, client=client)
    return Worker(
        client,
        task_queue=queues.BATCHES,
        workflows=[
            BatchWorkflow,
            ShardWorkflow,
            PlacesWorkflow,
            CleanUpWorkflow,
            HousekeepingWorkflow,
        ],
        activities=[
            books.open_batch,
            books.record,
            books.read_progress,
            ingest.ingest,
            collect.collect,
            collect.tidy,
            seal.seal_shard,
            places.ask_for_place,
            places.note_waiting,
            Executions(client=client).until_closed,
            house.reconcile,
            erasing.erase_files,
            erasing.clear_uploads,
            sweeping.sweep,
        ],
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_activity_task_polls=POLLERS,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=GRACE,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
    )


def _lines(client: Client, lines: Lines, *, deployment: str) -> Worker:
    return Worker(
        client,
        task_queue=queues.lines(deployment),
        activities=[lines.send_chunk],
        max_concurrent_activities=MAX_CHUNKS,
        max_concurrent_activity_task_polls=POLLERS,
        graceful_shutdown_timeout=GRACE,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
    )


def _provider(client: Client, jobs: ProviderJobs, *, name: str, rate: float | None) -> Worker:
    return Worker(
        client,
        task_queue=queues.provider(name),
        activities=jobs.activities,
        # Temporal keeps it for the queue, so for all workers together; each of them has to say the same.
        max_task_queue_activities_per_second=rate,
        max_concurrent_activities=MAX_CALLS,
        max_concurrent_activity_task_polls=PROVIDER_POLLERS,
        graceful_shutdown_timeout=GRACE,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
    )
