"""The rows of files, uploads, batches, progress, jobs and webhooks, and who may change what.

Only a batch's workflow changes its status, with a revision that rises, so that a late or repeated write
never turns a batch back. Progress is a table of its own that chunks upsert. The gateway writes only
`cancel_requested_at`.
"""

from dataclasses import dataclass

from sqlalchemy import select

from overnight.catalog.batch_rows import BatchRows, batch_of
from overnight.catalog.file_rows import FileRows
from overnight.catalog.job_rows import JobRows, jobs_of
from overnight.catalog.overview_rows import OverviewRows
from overnight.catalog.progress_rows import ProgressRows
from overnight.catalog.spend_rows import SpendRows
from overnight.catalog.stray_rows import StrayRows
from overnight.catalog.tables import files, installation
from overnight.catalog.upload_rows import UploadRows
from overnight.catalog.webhook_delivery_rows import WebhookDeliveryRows
from overnight.catalog.webhook_endpoint_rows import WebhookEndpointRows, endpoint_of_batch
from overnight.domain.batch import Batch
from overnight.domain.job import BatchJob
from overnight.domain.webhook import WebhookEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInDetail:
    """A batch, what providers run of it, and the webhook endpoint that it has brought along."""

    batch: Batch
    jobs: list[BatchJob]
    webhook: WebhookEndpoint | None


class Catalog(
    FileRows,
    UploadRows,
    BatchRows,
    ProgressRows,
    JobRows,
    StrayRows,
    SpendRows,
    OverviewRows,
    WebhookEndpointRows,
    WebhookDeliveryRows,
):
    """Reads and writes rows. Every method may raise CatalogUnavailable."""

    async def installation_id(self) -> str:
        """Return what tells this catalog from any other that may be pointed at the same store."""
        async with self._reading() as connection:
            return str((await connection.execute(select(installation.c.id))).scalar_one())

    async def batch_in_detail(self, batch_id: str, *, project: str, jobs: int) -> BatchInDetail:
        """Return a batch with up to so many of its jobs, all as of one moment. Raises UnknownBatch.

        It is what clients ask for most, so one transaction does for it.
        """
        async with self._reading() as connection:
            batch = await batch_of(connection, batch_id, project=project)
            return BatchInDetail(
                batch=batch,
                jobs=await jobs_of(connection, batch_id, limit=jobs),
                webhook=await endpoint_of_batch(
                    connection, batch_id, batch.order.parameters_hash, project=project
                ),
            )

    async def check(self) -> None:
        """Raise CatalogUnavailable, saying why, unless rows can be read."""
        async with self._reading() as connection:
            await connection.execute(select(files.c.id).limit(1))
