"""The parts that a process stands on: each is asked how it is, and says `ok` or what is wrong with it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Literal

from overnight.domain.errors import OvernightError, StorageError

CHECK_TIMEOUT = timedelta(seconds=5)
WELL = "ok"

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, and raises what is wrong."""

Status = Literal["ready", "not ready", "draining"]


class Draining:
    """Whether a process has been told to stop: it does what it has begun, and should get nothing new."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        """From now on nothing new should come."""
        self.begun = True


async def states_of(checks: Mapping[str, Check]) -> dict[str, str]:
    """Ask all parts at once, and return by their names how they are."""
    states = await asyncio.gather(*(_state(check()) for check in checks.values()))
    return dict(zip(checks, states, strict=True))


def status_of(states: Mapping[str, str], draining: Draining) -> Status:
    """Return whether something new can be taken in."""
    if draining.begun:
        return "draining"
    return "ready" if all(state == WELL for state in states.values()) else "not ready"


async def _state(check: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(check, CHECK_TIMEOUT.total_seconds())
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT.total_seconds():.0f} seconds"
    except StorageError as error:
        # Which object it was tried with is of no interest.
        return error.reason
    except OvernightError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - one part's surprise must not hide what is known of the others
        return type(error).__name__
    return WELL
