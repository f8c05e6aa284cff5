"""The rows of files: what clients see of them, and what is left to erase."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select, tuple_, update

from overnight.catalog import rows
from overnight.catalog.connections import Connections, Page, place_of
from overnight.catalog.rows import RUNNING
from overnight.catalog.tables import batches, files
from overnight.domain.errors import UnknownFile
from overnight.domain.file import File, FilePurpose


class FileRows(Connections):
    """Reads and writes the rows of files."""

    async def add_file(self, file: File) -> None:
        """Add a file's row; one of that id that is there already is told how many bytes there are now."""
        row = self._insert(files, rows.from_file(file))
        # A batch's files are made again when its story is, and may have grown. They can be erased again, too.
        again = row.on_conflict_do_update(
            index_elements=[files.c.id],
            set_={"bytes": file.bytes, "batch_id": file.batch_id, "erased_at": None},
        )
        async with self._writing() as connection:
            await connection.execute(again)

    async def file(self, file_id: str, *, project: str, now: datetime) -> File:
        """Return a file that was neither deleted nor expired at `now`. Raises UnknownFile."""
        query = select(files).where(files.c.id == file_id, *_visible(project, now))
        async with self._reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise UnknownFile(file_id)
        return rows.to_file(row)

    async def list_files(
        self,
        *,
        project: str,
        now: datetime,
        purpose: FilePurpose | None = None,
        newest_first: bool = True,
        after: str | None = None,
        limit: int = 10_000,
    ) -> Page[File]:
        """Return up to `limit` files by age. Raises InvalidRequest for an unknown `after`."""
        query = select(files).where(*_visible(project, now)).limit(limit + 1)
        if purpose is not None:
            query = query.where(files.c.purpose == purpose.value)
        place = tuple_(files.c.created_at, files.c.id)
        query = (
            query.order_by(files.c.created_at.desc(), files.c.id.desc())
            if newest_first
            else (query.order_by(files.c.created_at, files.c.id))
        )
        async with self._reading() as connection:
            if after is not None:
                cursor = await place_of(connection, files, after, project)
                query = query.where(place < cursor if newest_first else place > cursor)
            found = (await connection.execute(query)).mappings().all()
        return Page([rows.to_file(row) for row in found[:limit]], len(found) > limit)

    async def delete_file(self, file_id: str, *, project: str, now: datetime) -> None:
        """Hide a file at once; its bytes go when no running batch needs them. Raises UnknownFile."""
        hide = update(files).where(files.c.id == file_id, *_visible(project, now)).values(deleted_at=now)
        async with self._writing() as connection:
            if (await connection.execute(hide)).rowcount == 0:
                raise UnknownFile(file_id)

    async def erasable_files(self, *, now: datetime, after: str = "", limit: int = 500) -> list[File]:
        """Return deleted and expired files whose bytes are still there and that no running batch needs.

        They are in the order of their ids, from the one after `after` on.
        """
        there = files.c.erased_at.is_(None)
        # Said twice, since each half is looked up in an index of its own.
        gone = (there & (files.c.deleted_at <= now)) | (there & (files.c.expires_at <= now))
        query = select(files).where(gone, *_unneeded(), files.c.id > after)
        async with self._reading() as connection:
            found = await connection.execute(query.order_by(files.c.id).limit(limit))
            return [rows.to_file(row) for row in found.mappings()]

    async def mark_erased(self, file_ids: Collection[str], *, now: datetime) -> None:
        """Note that the bytes of these files, a few hundred at most, are gone."""
        async with self._writing() as connection:
            these = self._in_order(files.c.id, files.c.id.in_(file_ids))
            await connection.execute(update(files).where(these).values(erased_at=now))


def _unneeded() -> tuple[ColumnElement[bool], ...]:
    """Whether a file is neither the input of a running batch nor made by one, which may make it once more."""
    running = select(batches.c.id).where(batches.c.status.in_(RUNNING))
    return (
        ~running.where(batches.c.input_file_id == files.c.id).exists(),
        ~running.where(batches.c.id == files.c.batch_id).exists(),
    )


def _visible(project: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        files.c.project == project,
        files.c.erased_at.is_(None),
        files.c.deleted_at.is_(None) | (files.c.deleted_at > now),
        files.c.expires_at.is_(None) | (files.c.expires_at > now),
    )
