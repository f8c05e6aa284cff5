"""The rows that answer questions about money: one for each price that a batch was charged at."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from overnight.catalog.connections import Connections
from overnight.catalog.tables import MAX_INTEGER, batches, spend
from overnight.domain.account import Entry
from overnight.domain.batch import BatchChange
from overnight.domain.estimate import PastUse
from overnight.domain.spend import Spend, SpendBy, SpendQuery
from overnight.domain.usage import Usage

_BILLION = 10**9
_SUMMED = (
    "lines",
    "unpriced_lines",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "usd_billionths",
    "usd_rest",
)


class SpendRows(Connections):
    """Adds up what batches cost that have ended."""

    async def spend(self, query: SpendQuery) -> list[Spend]:
        """Return what was spent, in groups as the query wants, the first in its order first."""
        groups = [
            self._group(by, query.tag or "").label(f"group_{number}") for number, by in enumerate(query.by)
        ]
        sums = [func.sum(spend.c[name]).label(name) for name in _SUMMED]
        batch_count = func.count(spend.c.batch_id.distinct()).label("batches")
        chosen = (
            select(*groups, batch_count, *sums).select_from(spend).where(spend.c.project == query.project)
        )
        if SpendBy.TAG in query.by:
            chosen = chosen.join(batches, batches.c.id == spend.c.batch_id)
        if query.since:
            chosen = chosen.where(spend.c.day >= query.since.isoformat())
        if query.until:
            chosen = chosen.where(spend.c.day <= query.until.isoformat())
        # By their names, since a database can't see that two bound parameters are the same.
        sums_by_group = chosen.group_by(*(group.name for group in groups)).subquery()
        order = [self._place(sums_by_group.c[group.name]) for group in groups]
        chosen = select(sums_by_group).order_by(*order)
        async with self._reading() as connection:
            found = (await connection.execute(chosen)).mappings().all()
        return [_to_spend(row, query.by) for row in found if row["batches"]]

    async def past_use(self, *, project: str, model: str, limit: int) -> list[PastUse]:
        """Return what the latest batches for `model` used of which every request was answered."""
        query = (
            select(batches.c.completed, batches.c.approximated_input, batches.c.usage)
            .where(
                batches.c.project == project,
                batches.c.requested_model == model,
                batches.c.completed_at.is_not(None),
                batches.c.failed == 0,
                batches.c.approximated_input > 0,
            )
            .order_by(batches.c.completed_at.desc())
            .limit(limit)
        )
        async with self._reading() as connection:
            found = (await connection.execute(query)).all()
        used = [(requests, about, Usage(**usage)) for requests, about, usage in found if usage]
        return [
            PastUse(
                requests=requests,
                approximated_input=about,
                input_tokens=usage.input,
                output_tokens=usage.output,
            )
            for requests, about, usage in used
            if usage.total
        ]

    def _group(self, by: SpendBy, tag: str) -> ColumnElement[Any]:
        match by:
            case SpendBy.KEY:
                return spend.c.api_key
            case SpendBy.TAG:
                return self._tag(tag)
            case _:
                return spend.c[by.value]

    def _place(self, group: ColumnElement[Any]) -> ColumnElement[Any]:
        # Databases differ in where they put what has no value, and PostgreSQL by the locale it was made with.
        return (group if self._is_sqlite else group.collate("C")).nulls_first()

    def _tag(self, key: str) -> ColumnElement[Any]:
        if not self._is_sqlite:
            found: ColumnElement[Any] = batches.c.metadata[key].as_string()
            return found
        # SQLite's paths find no key that has a quotation mark, a backslash or anything but ASCII in it.
        pairs = func.json_each(batches.c.metadata).table_valued("key", "value")
        return select(pairs.c.value).where(pairs.c.key == key).correlate(batches).scalar_subquery()


async def write(connection: AsyncConnection, batch_id: str, change: BatchChange) -> None:
    """Write what a batch cost that has ended, instead of what was written of it before."""
    await connection.execute(delete(spend).where(spend.c.batch_id == batch_id))
    if change.account is None or not change.account.entries:
        return
    query = select(batches.c.project, batches.c.api_key).where(batches.c.id == batch_id)
    batch = (await connection.execute(query)).mappings().first()
    if batch is None:
        return
    day = _day(change)
    entries = enumerate(change.account.entries)
    await connection.execute(
        insert(spend),
        [{"batch_id": batch_id, "number": n, **batch, "day": day, **_columns(entry)} for n, entry in entries],
    )


def _day(change: BatchChange) -> str:
    ended_at = getattr(change.stamps, f"{change.status.value}_at")
    return str(ended_at.date().isoformat())


def _columns(entry: Entry) -> dict[str, Any]:
    billionths, rest = _in_parts(entry.cost or Decimal(0))
    usage = entry.usage
    return {
        "provider": entry.provider,
        "model": entry.model,
        "lines": entry.lines,
        "unpriced_lines": entry.lines if entry.reason is not None else 0,
        "input_tokens": usage.input,
        "cached_tokens": usage.cached,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.reasoning,
        "usd_billionths": billionths,
        "usd_rest": rest,
    }


def _in_parts(usd: Decimal) -> tuple[int, int]:
    """Return whole billionths of a dollar, and billionths of one of those. Prices have no more places."""
    billionths, rest = divmod(int(usd.scaleb(18)), _BILLION)
    return min(billionths, MAX_INTEGER), rest


def _to_spend(row: RowMapping, by: Iterable[SpendBy]) -> Spend:
    usd = Decimal(int(row["usd_billionths"])).scaleb(-9) + Decimal(int(row["usd_rest"])).scaleb(-18)
    return Spend(
        group={each: row[f"group_{number}"] for number, each in enumerate(by)},
        batches=row["batches"],
        lines=int(row["lines"]),
        unpriced_lines=int(row["unpriced_lines"]),
        usage=Usage(
            input=int(row["input_tokens"]),
            cached=int(row["cached_tokens"]),
            output=int(row["output_tokens"]),
            reasoning=int(row["reasoning_tokens"]),
        ),
        usd=usd,
    )
