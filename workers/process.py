"""One worker process: connects, waits until it can be of use, works, and drains when it is told to stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from overnight.catalog import Catalog, open_engine, require_schema
from overnight.config import Settings
from overnight.health.parts import Draining
from overnight.storage.opening import opened
from workers.choosing import chosen
from workers.door import Door, serving
from workers.health import WorkerHealth
from workers.run import working
from workers.terms import USUAL, Terms
from workflows import queues
from workflows.housekeeping import ensure_schedule
from workflows.namespace import Namespace

_log = structlog.stdlib.get_logger(__name__)


async def run_worker(
    settings: Settings,
    *,
    connect: Callable[[], Awaitable[Client]],
    only: Sequence[str] | None = None,
    terms: Terms = USUAL,
    door: Door | None = None,
) -> None:
    """Work on `only` these queues (None: on all), until SIGTERM or SIGINT; then drain and return.

    It does not begin before Temporal's namespace has what batches need. Raises UnknownQueue,
    SchemaMismatch, CatalogUnavailable, and what `connect` raises, which makes Temporal's client.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    wanted = chosen(settings, only)
    engine = open_engine(settings.database_url)
    try:
        await require_schema(engine)
        client = await connect()
        async with opened(settings.storage) as storage:
            catalog, draining = Catalog(engine), Draining()
            health = WorkerHealth(client=client, catalog=catalog, storage=storage, draining=draining)
            async with serving(door, health):
                if not await _is_ready(client, wanted, stopping):
                    return
                async with working(
                    client, settings=settings, catalog=catalog, storage=storage, only=only, terms=terms
                ):
                    if queues.BATCHES in wanted:
                        await _keep_house(client)
                    health.polls()
                    await stopping.wait()
                    draining.begin()
                    _log.info("worker draining", grace_seconds=terms.grace.total_seconds())
    finally:
        await engine.dispose()


async def _is_ready(client: Client, wanted: Collection[str], stopping: asyncio.Event) -> bool:
    """Wait until workflows can run in the namespace; tell whether that was before it was time to stop."""
    if queues.BATCHES not in wanted:
        return True
    ready = asyncio.create_task(Namespace(client).until_ready())
    told = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait({ready, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    ready.cancel()
    if ready in done:
        ready.result()
    return not stopping.is_set()


async def _keep_house(client: Client) -> None:
    try:
        await ensure_schedule(client)
    except RPCError as error:
        if error.status is not RPCStatusCode.PERMISSION_DENIED:
            raise
        # Batches go on without; what was terminated is not settled, and nothing is swept up.
        _log.warning("no schedule for housekeeping", why="we may not make it", see="overnight temporal setup")
