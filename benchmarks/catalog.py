"""How long a catalog takes to answer when it has a thousand, a hundred thousand and a million rows.

    .venv/bin/python -m benchmarks.catalog [--rows 1000 100000 1000000] [--databases sqlite postgresql]

Batches and files, so many of each, are put into an SQLite file and into PostgreSQL 18 from a wheel (both with
what they do to be durable, on this machine's disk), and asked for through the catalog as the gateway does.
Printed are medians, and how many times the one with the fewest rows that is.

On 2 cores of an AMD EPYC that were shared with others, at a load of 8 to 10, of 200 rounds in which the sizes
took turns. The ratios tell more than the milliseconds, most of which were waiting for a core:

                                 SQLite: 1,000  100,000  1,000,000   PostgreSQL: 1,000  100,000  1,000,000
    batches, first page                5.88 ms   1.13 x     1.32 x            33.76 ms   1.15 x     1.18 x
    batches, in the middle             7.97 ms   0.99 x     1.12 x            41.60 ms   1.06 x     1.06 x
    one batch                          8.06 ms   0.64 x     0.76 x            33.82 ms   1.03 x     1.03 x
    files, first page                  2.74 ms   0.87 x     0.86 x            20.03 ms   1.14 x     1.00 x
    files, in the middle               3.55 ms   0.89 x     0.95 x            24.18 ms   1.10 x     1.09 x
    input files, in the middle         3.32 ms   0.99 x     0.99 x            27.08 ms   1.02 x     0.96 x
    one file                           1.93 ms   0.92 x     1.00 x            17.96 ms   1.05 x     0.95 x
    batches that run                   3.80 ms   0.91 x     0.97 x            23.93 ms   1.09 x     0.95 x
    files to erase                     2.63 ms   0.90 x     0.95 x            23.70 ms   0.84 x     1.00 x
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from overnight.catalog import Catalog, open_engine, upgrade
from overnight.domain.file import FilePurpose
from tests.postgres import Postgres

SIZES = (1_000, 100_000, 1_000_000)
TIMES = 200
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = 1_000_000
PROJECT = "default"

Row = dict[str, Any]


def batch(number: int) -> Row:
    """A batch of the past; each is a second older than the one before."""
    at = int(NOW.timestamp()) * SECOND - number * SECOND
    running = number < 50
    return {
        "id": f"batch_{number:032x}",
        "project": PROJECT,
        "input_file_id": f"file-{number:032x}",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "window_seconds": 86_400,
        "metadata": '{"team": "night"}',
        "parameters_hash": "0" * 64,
        "request_id": f"req_{number:032x}",
        "created_at": at,
        "status": "in_progress" if running else "completed",
        "revision": at,
        "completed_at": None if running else at,
        "total": 1_000,
        "completed": 1_000,
        "failed": 0,
        "errors_total": 0,
        "requested_model": "gpt-5-mini",
        "approximated_input": 100_000,
        "usage": '{"input": 100000, "cached": 0, "output": 100000, "reasoning": 0}',
        "swept_at": None if running else at,
    }


def file(number: int) -> Row:
    """A file; one in ten is an input."""
    return {
        "id": f"file-{number:032x}",
        "project": PROJECT,
        "filename": "requests.jsonl",
        "purpose": "batch" if number % 10 == 0 else "batch_output",
        "bytes": 1_000_000,
        "key": f"files/file-{number:032x}",
        "created_at": int(NOW.timestamp()) * SECOND - number * SECOND,
    }


def asked(catalog: Catalog, rows: int) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return what is measured, by its name."""
    middle = rows // 2 // 10 * 10
    batch_id, file_id = f"batch_{middle:032x}", f"file-{middle:032x}"
    inputs = FilePurpose.BATCH
    return {
        "batches, first page": lambda: catalog.list_batches(project=PROJECT),
        "batches, in the middle": lambda: catalog.list_batches(project=PROJECT, after=batch_id),
        "one batch": lambda: catalog.batch(batch_id, project=PROJECT),
        "files, first page": lambda: catalog.list_files(project=PROJECT, now=NOW, limit=20),
        "files, in the middle": lambda: catalog.list_files(project=PROJECT, now=NOW, limit=20, after=file_id),
        "input files, in the middle": lambda: catalog.list_files(
            project=PROJECT, now=NOW, limit=20, after=file_id, purpose=inputs
        ),
        "one file": lambda: catalog.file(file_id, project=PROJECT, now=NOW),
        "batches that run": catalog.unfinished_batches,
        "files to erase": lambda: catalog.erasable_files(now=NOW),
    }


async def measured(urls: dict[int, str]) -> dict[str, dict[int, float]]:
    """Return the medians in milliseconds, by what was asked and the number of rows.

    The catalogs take turns, so that what else the machine does is the same to all of them.
    """
    engines = {rows: open_engine(url) for rows, url in urls.items()}
    questions = {rows: asked(Catalog(engine), rows) for rows, engine in engines.items()}
    names = list(next(iter(questions.values())))
    taken: dict[str, dict[int, list[float]]] = {name: {rows: [] for rows in urls} for name in names}
    for _ in range(TIMES):
        for name in names:
            for rows in urls:
                began = time.perf_counter()
                await questions[rows][name]()
                taken[name][rows].append(time.perf_counter() - began)
    for engine in engines.values():
        await engine.dispose()
    return {
        name: {rows: statistics.median(times) * 1_000 for rows, times in by_rows.items()}
        for name, by_rows in taken.items()
    }


def fill_sqlite(path: Path, rows: int) -> None:
    """Add the rows in one transaction."""
    with sqlite3.connect(path) as database:
        for table, row in (("batches", batch), ("files", file)):
            columns = list(row(0))
            places = ", ".join("?" * len(columns))
            insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - our own
            database.executemany(insert, (tuple(row(number).values()) for number in range(rows)))
    database.close()


async def fill_postgres(url: str, rows: int) -> None:
    """Copy the rows, and have the server look at them as it would by itself before long."""
    connection = await asyncpg.connect(url)
    for table, row in (("batches", batch), ("files", file)):
        records = (tuple(row(number).values()) for number in range(rows))
        await connection.copy_records_to_table(table, columns=list(row(0)), records=records)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


@contextmanager
def sqlite(sizes: Sequence[int]) -> Iterator[dict[int, str]]:
    """A filled file for each of the sizes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {rows: Path(folder) / f"{rows}.db" for rows in sizes}
        for rows, path in paths.items():
            upgrade(f"sqlite+aiosqlite:///{path}")
            fill_sqlite(path, rows)
        yield {rows: f"sqlite+aiosqlite:///{path}" for rows, path in paths.items()}


@contextmanager
def postgresql(sizes: Sequence[int]) -> Iterator[dict[int, str]]:
    """A filled database for each of the sizes, of one server with the settings that it comes with."""
    with Postgres(fsync="on", random_page_cost="4") as server:
        urls = {rows: server.new_database() for rows in sizes}
        for rows, url in urls.items():
            upgrade(url)
            asyncio.run(fill_postgres(url, rows))
        yield urls


DATABASES = {"sqlite": sqlite, "postgresql": postgresql}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=[*DATABASES])
    wanted = parser.parse_args()
    for name in wanted.databases:
        with DATABASES[name](wanted.rows) as urls:
            medians = asyncio.run(measured(urls))
        print(f"{name:30}" + "".join(f"{rows:>12,} rows {'':8}" for rows in wanted.rows))
        for query, by_rows in medians.items():
            least = by_rows[wanted.rows[0]]
            told = (f"{median:12.2f} ms {median / least:6.2f} x   " for median in by_rows.values())
            print(f"  {query:28}" + "".join(told))


if __name__ == "__main__":
    main()
