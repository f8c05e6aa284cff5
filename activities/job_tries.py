"""What a step remembers from one try to the next: whether a job may have been asked for.

A try that asked for nothing notes it with its last heartbeat, under its own number. Then the next one need
not be careful. Should that be lost before it sends any, it has left nothing under its own number, so that the
one after it is. The wait until a listing shows what was asked for is the server's, and holds no place of a
worker's.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries before this one.

    After one that was `idle` a listing shows all that was asked for before. `repeated` says that one may have
    asked, maybe long ago, and that its request may still arrive.
    """

    idle: bool
    repeated: bool


def tries_so_far() -> Tries:
    """Return what is known of the tries before the running one."""
    attempt = activity.info().attempt
    match activity.info().heartbeat_details:
        case [[int(number), bool(repeated)]] if number == attempt - 1:
            return Tries(idle=True, repeated=repeated)
        case _:
            return Tries(idle=False, repeated=attempt > 1)


def was_idle(*, repeated: bool) -> None:
    """Note that the running try leaves nothing that a listing does not show once the next one begins.

    `repeated` is what is known of those before it.
    """
    activity.heartbeat([activity.info().attempt, repeated])


def until_listed(lag: timedelta) -> None:
    """Have the next try made once a listing shows what may have been asked for; return if it does already."""
    if not lag:
        return
    was_idle(repeated=True)
    raise ApplicationError(
        "what may have been asked for is looked for as soon as a listing would show it",
        type="NotListedYet",
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=lag,
    )
