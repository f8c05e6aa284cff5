"""The rows of progress: how far each chunk is, and why a step is held up. They go when their batch ends."""

from sqlalchemy import delete, func, update

from overnight.catalog.connections import Connections
from overnight.catalog.tables import progress, waits
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
    ) -> None:
        """Upsert how far a chunk is. Counts never fall, so a late write of an old attempt does no harm."""
        reported = {"completed": counts.completed, "failed": counts.failed, "tokens": tokens}
        latest = {"attempt": attempt, "waiting_on": waiting_on}
        risen = func.max if self._is_sqlite else func.greatest
        this_chunk = (
            progress.c.batch_id == batch_id,
            progress.c.shard == shard,
            progress.c.chunk == chunk,
        )
        rise = update(progress).where(*this_chunk)
        rise = rise.values(**{name: risen(progress.c[name], n) for name, n in reported.items()}, **latest)
        key = {"batch_id": batch_id, "shard": shard, "chunk": chunk}
        first = self._insert(progress, {**key, **reported, **latest}).on_conflict_do_nothing()
        async with self._writing() as connection:
            if (await connection.execute(rise)).rowcount == 0:
                await connection.execute(first)

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
