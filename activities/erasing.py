"""Erasing: bytes that nobody can ask for any more, of files past their time and of uploads that are over.

Rows say what is to go, and are told when it is gone; so what is cut off is gone on with. What the store won't
remove is left for the next round, and holds up nothing else.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from temporalio import activity

from activities.clock import Clock, utc_now
from activities.heartbeat import heartbeating
from overnight.catalog import Catalog
from overnight.domain import layout
from overnight.domain.errors import StorageError
from overnight.domain.upload import Upload, UploadStatus
from overnight.storage.abreast import abreast
from overnight.storage.protocol import Storage

ASSEMBLY_TIME = timedelta(hours=1)
"""How long it may take to put the parts of an upload together that expires meanwhile."""

MAX_FILES = 10_000
"""How many files one round erases; the next one goes on. Other work waits for the end of a round."""

MAX_REFUSALS = 10
"""So often may the store refuse in one round. Then it is down, and no more is begun."""

_A_QUERY = 500

_log = structlog.stdlib.get_logger(__name__)


class Erasing:
    """Erases bytes. A round that is cut off, or repeated, does no harm."""

    def __init__(self, *, catalog: Catalog, storage: Storage, clock: Clock = utc_now) -> None:
        self._catalog = catalog
        self._storage = storage
        self._clock = clock
        self._after = ""

    @activity.defn(name="erase_files")
    async def erase_files(self) -> int:
        """Erase the bytes of deleted and expired files; return of how many."""
        now, erased = self._clock(), 0
        eraser = _Eraser(self._storage)
        async with heartbeating():
            while erased < MAX_FILES and not eraser.gave_up:
                files = await self._catalog.erasable_files(now=now, after=self._after, limit=_A_QUERY)
                if not files:
                    break
                keys = await eraser.erase(file.key for file in files)
                gone = [file.id for file in files if file.key in keys]
                await self._catalog.mark_erased(gone, now=now)
                erased, self._after = erased + len(gone), files[-1].id
        if not eraser.gave_up:
            # Otherwise those which the store holds on to would be all that is ever tried.
            self._after = ""
        return erased

    @activity.defn(name="clear_uploads")
    async def clear_uploads(self) -> int:
        """Erase the parts of uploads that are over; return of how many uploads."""
        now, cleared = self._clock(), 0
        eraser = _Eraser(self._storage)
        async with heartbeating():
            for upload in await self._catalog.uncleared_uploads(expired_by=now - ASSEMBLY_TIME):
                if await self._is_over(upload, now) and await eraser.erase_all(
                    layout.upload_prefix(upload.id)
                ):
                    await self._catalog.mark_cleared(upload.id, now=now)
                    cleared += 1
        return cleared

    async def _is_over(self, upload: Upload, now: datetime) -> bool:
        if upload.status is not UploadStatus.PENDING:
            return True
        return await self._catalog.expire_upload(upload.id, expired_by=now - ASSEMBLY_TIME)


class _Eraser:
    """What erases in one round, until the store has refused too often."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._refusals = 0

    @property
    def gave_up(self) -> bool:
        return self._refusals >= MAX_REFUSALS

    async def erase(self, keys: Iterable[str]) -> set[str]:
        """Remove objects; return the keys of those that are gone."""
        gone: set[str] = set()

        async def erase(key: str) -> None:
            if self.gave_up:
                return
            try:
                await self._storage.delete(key)
            except StorageError as error:
                self._refused(error)
            else:
                gone.add(key)

        await abreast(keys, erase)
        return gone

    async def erase_all(self, prefix: str) -> bool:
        """Remove all objects below `prefix`; say whether they are gone."""
        if self.gave_up:
            return False
        try:
            keys = {found.key async for found in self._storage.list(prefix)}
        except StorageError as error:
            self._refused(error)
            return False
        return await self.erase(keys) == keys

    def _refused(self, error: StorageError) -> None:
        self._refusals += 1
        _log.warning("bytes not erased", reason=error.message)
