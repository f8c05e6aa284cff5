"""A process that writes to a catalog whatever others write at the same time: `python -m … URL SEED`."""

import asyncio
import random
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from overnight.catalog import Catalog, open_engine
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.errors import UnknownWebhookEndpoint
from overnight.domain.file import File, FilePurpose
from overnight.domain.ids import batch_webhook_id
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.domain.webhook import Attempt, DeliveryStatus, EventType, WebhookEndpoint

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BATCHES = [f"batch_{number}" for number in range(4)]
FILES = [f"file-{number}" for number in range(60)]
STRAYS = [f"files/{number}" for number in range(60)]
CHUNKS = 3
ROUNDS = 8
ATTEMPT = Attempt(at=NOW, duration=timedelta(milliseconds=1), status_code=500)


def file(file_id: str) -> File:
    """A file that is made again and again, as those of batches are."""
    purpose = FilePurpose.BATCH_OUTPUT
    return File(
        id=file_id, project="default", filename="f", purpose=purpose, bytes=1, key=file_id, created_at=NOW
    )


def endpoint(name: str, *, batch_id: str | None = None) -> WebhookEndpoint:
    """An endpoint of the project, or of a batch."""
    return WebhookEndpoint(
        id=name,
        project="default",
        name=name,
        url="https://example.com",
        event_types=tuple(EventType),
        secret="whsec_1",
        batch_id=batch_id,
        created_at=NOW,
        updated_at=NOW,
    )


def end(revision: int, status: BatchStatus) -> BatchChange:
    """How a batch ends."""
    return BatchChange(
        revision=revision, status=status, stamps=Stamps(**{f"{status.value}_at": NOW}), counts=Counts(1, 1, 0)
    )


class Rush:
    """What one process writes, in an order of its own."""

    def __init__(self, catalog: Catalog, seed: int) -> None:
        self._catalog = catalog
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - an order, and no secret

    async def run(self) -> None:
        """Write it all, a few things at a time."""
        for number in range(1, ROUNDS + 1):
            await asyncio.gather(
                self._report(number),
                self._files(),
                self._strays(),
                self._ends(number),
                self._endpoints(number),
            )

    def _shuffled(self, names: list[str]) -> list[str]:
        return self._random.sample(names, len(names))

    async def _report(self, number: int) -> None:
        for chunk in range(CHUNKS):
            counts = Counts(ROUNDS, number, 0)
            await self._catalog.report_progress(
                "running", shard=0, chunk=chunk, attempt=f"{self._seed}", counts=counts, tokens=number
            )
            await self._catalog.note_wait("running", step="seal", reason=f"reason {number}")

    async def _files(self) -> None:
        for file_id in self._shuffled(FILES)[:5]:
            await self._catalog.add_file(file(file_id))
        await self._catalog.mark_erased(self._shuffled(FILES), now=NOW)

    async def _strays(self) -> None:
        await self._catalog.notice_strays(self._shuffled(STRAYS), now=NOW)
        await self._catalog.forget_strays(noticed_by=NOW)

    async def _ends(self, number: int) -> None:
        for batch_id in self._shuffled(BATCHES):
            status = self._random.choice([BatchStatus.FAILED, BatchStatus.COMPLETED])
            await self._catalog.write(batch_id, end(number, status))
            for delivery in await self._catalog.pending_deliveries(batch_id):
                await self._catalog.note_attempt(
                    delivery.id, ATTEMPT, status=DeliveryStatus.PENDING, next_try_at=NOW
                )
        await self._catalog.forget_deliveries(created_by=NOW)

    async def _endpoints(self, number: int) -> None:
        await self._catalog.add_webhook_endpoint(endpoint(f"we_{self._seed}_{number}"))
        batch_id = self._random.choice(BATCHES)
        own = batch_webhook_id(batch_id, "")
        await self._catalog.add_batch_webhook(endpoint(own, batch_id=batch_id))
        with suppress(UnknownWebhookEndpoint):
            await self._catalog.delete_webhook_endpoint(own, project="default")


async def main(url: str, seed: int) -> None:
    """Write, and close."""
    engine = open_engine(url)
    await Rush(Catalog(engine), seed).run()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
