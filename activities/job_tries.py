"""What a submit remembers from one try to the next: whether a job may have been asked for.

A try that found its input not taken in yet has asked for nothing, so the next need not look for what it may
have left. It is kept with the last heartbeat, under the number of its try: should the next one be lost before
it sends any, what it has left under its own is nothing, and nobody is misled.
"""

from dataclasses import dataclass

from temporalio import activity


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries before this one.

    While they are `unclear` one of them may have asked for a job that no listing shows yet. `repeated` says
    that one has asked, maybe long ago, and that its request may still arrive.
    """

    unclear: bool
    repeated: bool


def tries_so_far() -> Tries:
    """Return what is known of the tries before the running one."""
    attempt = activity.info().attempt
    match activity.info().heartbeat_details:
        case [[int(number), bool(repeated)]] if number == attempt - 1:
            return Tries(unclear=False, repeated=repeated)
        case _:
            return Tries(unclear=attempt > 1, repeated=attempt > 1)


def has_asked_for_nothing(*, repeated: bool) -> None:
    """Note that the running try leaves nothing unclear. `repeated` is what it knows of those before."""
    activity.heartbeat([activity.info().attempt, repeated])
