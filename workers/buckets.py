"""A worker that says at once which buckets it can't use, and not only when a batch needs them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog

from overnight.config import Settings
from overnight.providers import RowsBucket, rows_buckets
from overnight.providers.complaints import named

_log = structlog.stdlib.get_logger(__name__)


@asynccontextmanager
async def trying_buckets(settings: Settings) -> AsyncIterator[None]:
    """Try out the buckets of all deployments while the block runs, which is not held up."""
    trying = asyncio.create_task(_try_all(rows_buckets(settings.all_deployments)))
    try:
        yield
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)


async def _try_all(buckets: Iterable[RowsBucket]) -> None:
    # One after the other: a worker that starts has enough to do.
    for bucket in buckets:
        problem = await _problem(bucket)
        for deployment in bucket.deployments if problem else ():
            what = {"deployment": named(deployment), "bucket": bucket.settings.address, "reason": problem}
            _log.warning("bucket can't be used", **what)


async def _problem(bucket: RowsBucket) -> str | None:
    try:
        return await bucket.problem()
    except Exception as error:  # noqa: BLE001 - the others are to be tried as well, and it may quote secrets
        return type(error).__name__
