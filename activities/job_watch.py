"""What a poll remembers from one look at a job to the next, and when the next one is.

It is kept with the heartbeats, since every look is an attempt of its own, perhaps in another process.
"""

import random
from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from overnight.config import Settings
from overnight.domain.job import Job
from overnight.native_lane import Watch, next_look


def watch_so_far() -> Watch:
    """Return what the look before this one has left, or a watch that begins now."""
    match activity.info().heartbeat_details:
        case [[int(done), int() | float() as moved_at, int() | float() as speed]]:
            at = datetime.fromtimestamp(moved_at, UTC)
            return Watch(done=done, moved_at=at, lines_a_second=float(speed))
        case _:
            return Watch(done=0, moved_at=datetime.now(UTC))


def details_of(watch: Watch) -> list[object]:
    """Return the watch as a heartbeat carries it."""
    return [watch.done, watch.moved_at.timestamp(), watch.lines_a_second]


def not_yet(job: Job, watch: Watch, settings: Settings) -> ApplicationError:
    """Return the error that has Temporal look again, neither too soon nor too late."""
    counts = job.counts
    return ApplicationError(
        f"{job.status.value}, {counts.done:,} of {counts.total:,} lines done",
        type="NotYet",
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=next_look(
            attempt=activity.info().attempt,
            watch=watch,
            counts=counts,
            initial=settings.poll_initial,
            longest=settings.poll_max,
            at=datetime.now(UTC),
            chance=random.random(),  # noqa: S311 - it spreads calls, and hides nothing
        ),
    )
