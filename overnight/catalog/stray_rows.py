"""Strays: objects in storage that no row knows, and since when somebody has known that of them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Table, delete, select

from overnight.catalog.connections import Connections
from overnight.catalog.tables import batches, files, strays, upload_parts


class StrayRows(Connections):
    """Says which ids have no row, and remembers strays. Each call is about a few hundred at most."""

    async def unknown_files(self, ids: Collection[str]) -> set[str]:
        """Return those ids that no file has or ever had."""
        return await self._unknown(files, ids)

    async def unknown_batches(self, ids: Collection[str]) -> set[str]:
        """Return those ids that no batch has."""
        return await self._unknown(batches, ids)

    async def unknown_parts(self, ids: Collection[str]) -> set[str]:
        """Return those ids that no part has, or whose uploads have been cleared."""
        return await self._unknown(upload_parts, ids)

    async def notice_strays(self, keys: Collection[str], *, now: datetime) -> dict[str, datetime]:
        """Remember these objects from `now` on; return since when each has been remembered."""
        if not keys:
            return {}
        noticed = self._insert(strays, {}).on_conflict_do_nothing()
        known = select(strays.c.key, strays.c.noticed_at).where(strays.c.key.in_(keys))
        async with self._writing() as connection:
            await connection.execute(noticed, [{"key": key, "noticed_at": now} for key in sorted(keys)])
            return {row.key: row.noticed_at for row in await connection.execute(known)}

    async def forget_strays(self, *, noticed_by: datetime) -> None:
        """Forget those noticed so long ago. What is still there then is noticed anew."""
        async with self._writing() as connection:
            old = self._in_order(strays.c.key, strays.c.noticed_at <= noticed_by)
            await connection.execute(delete(strays).where(old))

    async def _unknown(self, table: Table, ids: Collection[str]) -> set[str]:
        query = select(table.c.id).where(table.c.id.in_(ids))
        async with self._reading() as connection:
            return set(ids).difference((await connection.execute(query)).scalars())
