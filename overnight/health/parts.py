"""The parts that a process stands on: each is asked how it is, and says `ok` or what is wrong with it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from overnight.domain.errors import OvernightError, StorageError
from overnight.health.changes import WELL, Changes
from overnight.health.recent import CHECK_TIMEOUT

NOT_WELL = "unavailable"
"""What strangers are told instead of a reason."""

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


class Parts:
    """What a process stands on, by name. A check that costs something should be a RecentCheck."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._changes = Changes()

    async def states(self) -> dict[str, str]:
        """Ask all of them at once, and return how they are."""
        states = await asyncio.gather(*(self._state(*each) for each in self._checks.items()))
        return dict(zip(self._checks, states, strict=True))

    async def _state(self, name: str, check: Check) -> str:
        state = await _said_by(check())
        # Here, and not once all have answered: by then this one may have been asked again.
        self._changes.note(name, state)
        return state


def in_brief(states: Mapping[str, str]) -> dict[str, str]:
    """Return which parts are well and which are not. Why may name hosts, buckets and databases."""
    return {name: WELL if state == WELL else NOT_WELL for name, state in states.items()}


def status_of(states: Mapping[str, str], draining: Draining) -> Status:
    """Return whether something new can be taken in."""
    if draining.begun:
        return "draining"
    return "ready" if all(state == WELL for state in states.values()) else "not ready"


async def _said_by(check: Awaitable[None]) -> str:
    try:
        # Nobody waits longer than that, not even for a check which does not end when it is cancelled.
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
