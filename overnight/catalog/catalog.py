"""The rows of files, uploads, batches, progress and jobs, and who may change what.

Only a batch's workflow changes its status, with a revision that rises, so that a late or repeated write
never turns a batch back. Progress is a table of its own that chunks upsert. The gateway writes only
`cancel_requested_at`.
"""

from sqlalchemy import select

from overnight.catalog.batch_rows import BatchRows
from overnight.catalog.file_rows import FileRows
from overnight.catalog.job_rows import JobRows
from overnight.catalog.progress_rows import ProgressRows
from overnight.catalog.stray_rows import StrayRows
from overnight.catalog.tables import files, installation
from overnight.catalog.upload_rows import UploadRows


class Catalog(FileRows, UploadRows, BatchRows, ProgressRows, JobRows, StrayRows):
    """Reads and writes rows. Every method may raise CatalogUnavailable."""

    async def installation_id(self) -> str:
        """Return what tells this catalog from any other that may be pointed at the same store."""
        async with self._reading() as connection:
            return str((await connection.execute(select(installation.c.id))).scalar_one())

    async def check(self) -> None:
        """Raise CatalogUnavailable, saying why, unless rows can be read."""
        async with self._reading() as connection:
            await connection.execute(select(files.c.id).limit(1))
