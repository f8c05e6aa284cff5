"""What shards and the Places workflow say to each other, and by what names."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

PLACES = "Places"
ASK = "ask"
GRANTED = "granted"
NO_PLACE = "no_place"
"""The names of the workflow and its signal, and of the two signals that a shard is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A shard, by its workflow's id, wants to run a job at one of these deployments, best first.

    `asked_at` is when it first asked: one that comes back without having found room keeps its turn.
    """

    shard: str
    deployments: tuple[str, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A wish, and the workflow (by its id, on its queue) that is to hear it."""

    places: str
    task_queue: str
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingNote:
    """Why a shard can't go on just now, for whoever asks for its batch; None when it can again."""

    batch_id: str
    shard: int
    waiting_on: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A shard may submit a job to this deployment. After a `trial` it should say how that went at once."""

    deployment: str
    trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A shard gives its place back, or its wish up. With `no_room` the provider had none for its job."""

    shard: str
    no_room: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """A deployment that has lately had no room: shut `until`, then opened for one job at a time.

    `trial` is the shard whose job is to show whether there is room again; until it has, or `until` has
    passed, nobody else is let in.
    """

    reason: str
    until: datetime
    pause: timedelta
    trial: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacesState:
    """Who waits, who has a place where, and which deployments are narrow."""

    waiting: tuple[Wish, ...] = ()
    holders: dict[str, str] = field(default_factory=dict)
    narrow: dict[str, Narrow] = field(default_factory=dict)
