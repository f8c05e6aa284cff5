"""OpenAI's own webhooks: `batch.completed` and the like, signed, sent when a job has ended.

They are sent at least once and in no order: what is not answered with a 2xx is sent again, with the same id.
Source: platform.openai.com/docs/guides/webhooks; the signature is Standard Webhooks'.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from standardwebhooks import Webhook

from simulators.native.desk import Desk
from simulators.native.jobs import Job

_LOOK_SECONDS = 0.05
_FIRST_PAUSE = 0.25
_TRIES = 8
_PATIENCE = aiohttp.ClientTimeout(total=10)


@dataclass(slots=True)
class Delivery:
    """One event, and what has come of it: the status of the last answer, None when there was none."""

    id: str
    type: str
    batch: str
    tries: int = 0
    status: int | None = None


class Webhooks:
    """Sends an event for every job that ends while a URL is set. Looks at the clock, as jobs have no task."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._deliveries: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        desk.on_end = self._announce

    def start(self) -> None:
        """Begin to look for jobs that have ended."""
        self._spawn(self._watch())

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Forget what has been sent."""
        self._deliveries.clear()

    def sent(self) -> list[dict[str, Any]]:
        """Return every event so far."""
        return [asdict(delivery) for delivery in self._deliveries]

    async def _watch(self) -> None:
        while True:
            if self._desk.rules.webhook_url:
                self._desk.settle()
            await asyncio.sleep(_LOOK_SECONDS)

    def _announce(self, job: Job) -> None:
        if not self._desk.rules.webhook_url or not self._desk.rules.webhook_secret:
            return
        kind = f"batch.{job.story[-1][1].value}"
        delivery = Delivery(self._desk.shapes.new_id("event"), kind, job.id)
        self._deliveries.append(delivery)
        event = {
            "id": delivery.id,
            "object": "event",
            "type": kind,
            "created_at": int(job.ends_at),
            "data": {"id": job.id},
        }
        self._spawn(self._deliver(delivery, json.dumps(event)))

    async def _deliver(self, delivery: Delivery, body: str) -> None:
        pause = _FIRST_PAUSE
        async with aiohttp.ClientSession(timeout=_PATIENCE) as http:
            while delivery.tries < _TRIES:
                delivery.tries += 1
                delivery.status = await self._send(http, delivery, body)
                if delivery.status is not None and delivery.status < 300:
                    return
                await asyncio.sleep(pause)
                pause *= 2

    async def _send(self, http: aiohttp.ClientSession, delivery: Delivery, body: str) -> int | None:
        rules = self._desk.rules
        # Signed with our time, not the provider's: receivers refuse what is not of these five minutes.
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(f"{rules.webhook_secret}").sign(delivery.id, now, body),
        }
        try:
            async with http.post(f"{rules.webhook_url}", data=body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
