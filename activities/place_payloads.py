"""What shards and the Places workflow say to each other, and by what names."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

PLACES = "Places"
ASK = "ask"
WHY_NOT = "why_not"
GRANTED = "granted"
"""The names of the workflow, of its signal and its query, and of the signal that a shard is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A shard, by its workflow's id, wants to run a job at one of these deployments, best first.

    `asked_at` is when it first asked: one that comes back without having found room keeps its turn. `asking`
    counts the places it has asked for; a wish that is made again bears the same number.
    """

    shard: str
    deployments: tuple[str, ...]
    asked_at: datetime
    asking: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRef:
    """One shard of a batch."""

    batch_id: str
    shard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A wish, and the workflow (by its id, on its queue) that is to hear it. `shard` is whose wish it is."""

    places: str
    task_queue: str
    wish: Wish
    shard: ShardRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingNote:
    """A shard waits for a place, or, with `over`, no longer does: for whoever asks for its batch.

    `places` is the id of the workflow that knows why.
    """

    batch_id: str
    shard: int
    places: str
    deployments: tuple[str, ...]
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A shard may submit a job to this deployment. After a `trial` it should say how that went at once.

    `asking` is that of its wish: a grant that comes late, for a place that was given back, is none.
    """

    deployment: str
    asking: int
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
    holders: dict[str, Grant] = field(default_factory=dict)
    narrow: dict[str, Narrow] = field(default_factory=dict)
