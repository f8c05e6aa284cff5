"""Where a script is played: the real workflows on the time-skipping server, scripted activities."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Interceptor, Worker

from activities.begun import BegunJobs
from activities.executions import Executions
from activities.places import Places
from overnight.domain.batch import BatchOrder
from overnight.domain.endpoint import Endpoint
from tests.workflows.gate import Gate
from tests.workflows.scripted import Script
from workflows import queues
from workflows.batch import BatchOutcome, BatchWorkflow
from workflows.cleaning import CleanUpWorkflow
from workflows.events import EventWorkflow
from workflows.places import PlacesWorkflow
from workflows.shard import ShardWorkflow
from workflows.webhooks import WebhookWorkflow

SKIPPING = timedelta(minutes=5)
"""How long the server may take over a skip: what falls due on the way is real work."""

STANDS_STILL_AFTER = timedelta(minutes=5)
"""Longer than any story takes to play, however busy the machine is."""


class ServerStandsStill(Exception):
    """The time-skipping server waits for ever for a task of which no worker was told.

    That is rare, and its own fault: seen was a workflow task that had begun half an hour ago, with nobody
    at it, and that was not timed out. Such a test is run again, on another server (pyproject.toml).
    """


class Stage:
    """Where a script is played."""

    def __init__(self, environment: WorkflowEnvironment, *, gate: Gate | None = None) -> None:
        self.environment = environment
        self.client = environment.client
        self.gate = gate
        self.stands_still = False

    @asynccontextmanager
    async def playing(self, script: Script, *interceptors: Interceptor) -> AsyncIterator[None]:
        """Run workers whose activities follow the script. Raises ServerStandsStill."""
        try:
            async with (
                asyncio.timeout(STANDS_STILL_AFTER.total_seconds()) as patience,
                self._workers(script, *interceptors),
            ):
                yield
        except TimeoutError as error:
            if not patience.expired():
                raise
            self.stands_still = True
            raise ServerStandsStill from error

    @asynccontextmanager
    async def _workers(self, script: Script, *interceptors: Interceptor) -> AsyncIterator[None]:
        executions = Executions(client=self.client)
        throttle = timedelta(seconds=0.1)
        batches = Worker(
            await self.gate.client(self.client) if self.gate else self.client,
            task_queue=queues.BATCHES,
            workflows=[
                BatchWorkflow,
                ShardWorkflow,
                PlacesWorkflow,
                CleanUpWorkflow,
                EventWorkflow,
                WebhookWorkflow,
            ],
            activities=[
                *script.on_batches,
                Places(catalog=script, begun=BegunJobs(script), client=self.client).ask_for_place,
                executions.until_closed,
                executions.closed_with_its_parent,
            ],
            max_heartbeat_throttle_interval=throttle,
            interceptors=interceptors,
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(batches)
            for deployment in {route.deployment for route in script.manifest.routes}:
                lines = Worker(
                    self.client,
                    task_queue=queues.lines(deployment),
                    activities=script.on_lines,
                    max_heartbeat_throttle_interval=throttle,
                )
                await stack.enter_async_context(lines)
            for sink in script.polled_sinks:
                events = Worker(
                    self.client, task_queue=queues.events(sink), activities=[script.sink(sink).emit_event]
                )
                await stack.enter_async_context(events)
            if script.due:
                receivers = Worker(
                    self.client, task_queue=queues.WEBHOOKS, activities=[script.deliver_webhook]
                )
                await stack.enter_async_context(receivers)
            if script.provider is not None:
                provider = Worker(
                    self.client,
                    task_queue=queues.provider(script.provider.name),
                    activities=script.provider.activities(self.environment),
                    max_heartbeat_throttle_interval=throttle,
                )
                await stack.enter_async_context(provider)
            yield

    async def sleep(self, duration: timedelta) -> None:
        """Let the server's clock run on."""
        request = SleepRequest()
        request.duration.FromTimedelta(duration)
        await self.client.test_service.unlock_time_skipping_with_sleep(request, timeout=SKIPPING)

    async def order(
        self, *, window: timedelta = timedelta(hours=24), batch_id: str | None = None
    ) -> BatchOrder:
        """Ask for a batch, by the server's clock: it runs on from one story to the next."""
        return BatchOrder(
            batch_id=batch_id or f"batch_{secrets.token_hex(8)}",
            project="default",
            input_file_id="file-in",
            endpoint=Endpoint.CHAT_COMPLETIONS,
            completion_window="24h",
            window=window,
            created_at=await self.environment.get_current_time(),
        )

    async def begin(self, order: BatchOrder) -> WorkflowHandle[BatchWorkflow, BatchOutcome]:
        """Start the batch's workflow."""
        return await self.client.start_workflow(
            BatchWorkflow.run, order, id=order.batch_id, task_queue=queues.BATCHES
        )
