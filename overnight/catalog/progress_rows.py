"""The rows of progress: how far each chunk is, and why a step is held up. They go when their batch ends."""

from decimal import Decimal

from sqlalchemy import and_, delete, func, not_, select

from overnight.catalog.connections import Connections
from overnight.catalog.tables import MAX_INTEGER, progress, waits
from overnight.domain.usage import Counts


class ProgressRows(Connections):
    """Writes what the steps of a batch report; it is read with the batch."""

    async def report_progress(
        self,
        batch_id: str,
        *,
        shard: int,
        chunk: int,
        attempt: str,
        counts: Counts,
        tokens: int = 0,
        waiting_on: str | None = None,
        cost: Decimal = Decimal(0),
    ) -> None:
        """Upsert how far a chunk is. Counts never fall, so a late write of an old attempt does no harm."""
        reported = {
            "completed": counts.completed,
            "failed": counts.failed,
            "tokens": tokens,
            "usd_billionths": min(int(cost.scaleb(9)), MAX_INTEGER),
        }
        latest = {"attempt": attempt, "waiting_on": waiting_on}
        key = {"batch_id": batch_id, "shard": shard, "chunk": chunk}
        row = self._insert(progress, {**key, **reported, **latest})
        larger = func.max if self._is_sqlite else func.greatest
        risen = {name: larger(progress.c[name], row.excluded[name]) for name in reported}
        rise = row.on_conflict_do_update(index_elements=[*key], set_={**risen, **latest})
        async with self._writing() as connection:
            await connection.execute(rise)

    async def cost_so_far(self, batch_id: str, *, beside_shard: int, beside_chunk: int) -> Decimal:
        """Return what all chunks of a running batch but one have cost: US dollars, to the billionth below."""
        this_one = and_(progress.c.shard == beside_shard, progress.c.chunk == beside_chunk)
        query = select(func.sum(progress.c.usd_billionths))
        query = query.where(progress.c.batch_id == batch_id, not_(this_one))
        async with self._reading() as connection:
            return Decimal(int(await connection.scalar(query) or 0)).scaleb(-9)

    async def note_wait(self, batch_id: str, *, step: str, reason: str | None) -> None:
        """Note why a step of a batch is held up just now, or with None that it is not any more."""
        async with self._writing() as connection:
            if reason is None:
                over = delete(waits).where(waits.c.batch_id == batch_id, waits.c.step == step)
                await connection.execute(over)
                return
            row = self._insert(waits, {"batch_id": batch_id, "step": step, "reason": reason})
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=[waits.c.batch_id, waits.c.step], set_={"reason": reason}
                )
            )
