"""What shards and the Places workflow say to each other, and by what names."""

from collections.abc import Iterator
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
class Queue:
    """Those who wait for a place at the same deployments: each shard, when it first asked, its `asking`."""

    deployments: tuple[str, ...]
    shards: tuple[tuple[str, datetime, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacesState:
    """Who waits, who has a place where, and which deployments are narrow.

    `queues` say in half the bytes what `waiting` says; and `held`, by deployment each shard with its
    `asking`, what `holders` say.
    """

    waiting: tuple[Wish, ...] = ()
    holders: dict[str, Grant] = field(default_factory=dict)
    narrow: dict[str, Narrow] = field(default_factory=dict)
    queues: tuple[Queue, ...] = ()
    held: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)

    def in_short(self) -> "PlacesState":
        """Return the same in few bytes, as a keeper of places hands it on to its next run."""
        queues: dict[tuple[str, ...], list[tuple[str, datetime, int]]] = {}
        for wish in self.waiting:
            queues.setdefault(wish.deployments, []).append((wish.shard, wish.asked_at, wish.asking))
        held: dict[str, list[tuple[str, int]]] = {}
        for shard, grant in self.holders.items():
            held.setdefault(grant.deployment, []).append((shard, grant.asking))
        return PlacesState(
            narrow=self.narrow,
            queues=tuple(Queue(deployments=each, shards=tuple(shards)) for each, shards in queues.items()),
            held={deployment: tuple(shards) for deployment, shards in held.items()},
        )

    def in_full(self) -> "PlacesState":
        """Return the same with every wish and every grant written out, whichever way it was handed on."""
        return PlacesState(
            waiting=(*self.waiting, *self._wishes()),
            holders=self.holders | dict(self._grants()),
            narrow=self.narrow,
        )

    def _wishes(self) -> Iterator[Wish]:
        for queue in self.queues:
            for shard, asked_at, asking in queue.shards:
                yield Wish(shard=shard, deployments=queue.deployments, asked_at=asked_at, asking=asking)

    def _grants(self) -> Iterator[tuple[str, Grant]]:
        for deployment, shards in self.held.items():
            narrow = self.narrow.get(deployment)
            for shard, asking in shards:
                # A trial that is over decides about nobody, so it need not be known that it was one.
                trial = narrow is not None and narrow.trial == shard
                yield shard, Grant(deployment=deployment, asking=asking, trial=trial)
