"""Jobs that the tests of a Provider submit, and follow."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from overnight.domain.endpoint import Endpoint
from overnight.domain.job import Job
from overnight.providers import Result
from tests.overnight.providers.desks import Desk, lines, tag

CHAT = Endpoint.CHAT_COMPLETIONS
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


async def submit_again(desk: Desk, file_id: str) -> Job:
    return await desk.provider.submit(tag=tag(), file_id=file_id, endpoint=CHAT)


async def taken_in(desk: Desk) -> str:
    """Return the id of an input file that is ready."""
    file_id = await desk.upload(lines(4), tag=tag())
    desk.pass_time(10)
    return file_id


async def collect(results: AsyncIterator[Result], *, into: list[Result]) -> None:
    async for result in results:
        into.append(result)  # noqa: PERF401 - what comes before a break is to be seen
