"""What travels through Temporal between workflows and activities: ids and counts. No line, no secret.

A new field gets a default, so that histories written before it can still be read.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activities.job_payloads import Refusal
from overnight.domain.batch import BatchChange
from overnight.domain.deployment import BatchLane, DeclaredPrice
from overnight.domain.endpoint import Endpoint
from overnight.domain.status import NoAnswer, StopReason
from overnight.domain.usage import Counts, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One deployment that a batch may go to, by its id, and how: whose it is, and in which lane."""

    deployment: str
    provider: str
    lane: BatchLane


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ingest found. `shards` has the number of chunks of each shard, in input order.

    `problems` counts what is wrong with the input; the problems themselves are in a file of the batch's.
    `price` is the quote that the batch will be charged at, None if unknown. With a `default_model` there may
    be lines that name none, and are for that one.
    """

    lines: int = 0
    shards: tuple[int, ...] = ()
    model: str | None = None
    provider: str | None = None
    routes: tuple[Route, ...] = ()
    price: DeclaredPrice | None = None
    problems: int = 0
    default_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A batch's picture on its way to the catalog. With `problems` the errors are read from storage."""

    batch_id: str
    change: BatchChange
    problems: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOrder:
    """One shard to run. With `stop` it is not run, only sealed: its lines get that reason.

    With `recall` its story may have been told before, so providers are asked first for what they have of it.
    `default_model` is that of lines which name none; without one there are no such lines.
    """

    batch_id: str
    shard: int
    chunks: int
    input_file_id: str
    endpoint: Endpoint
    routes: tuple[Route, ...]
    window: timedelta
    created_at: datetime
    model: str | None = None
    stop: StopReason | None = None
    recall: bool = False
    default_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOrder:
    """One chunk to send to one deployment, named by its id; `default_model` as in a ShardOrder."""

    batch_id: str
    shard: int
    chunk: int
    input_file_id: str
    endpoint: Endpoint
    deployment: str
    default_model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOrder:
    """A shard whose checkpoints are to be put in order. `missing` is said of lines without an outcome."""

    batch_id: str
    shard: int
    input_file_id: str
    missing: NoAnswer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedShard:
    """A shard in input order, in two objects named by `attempt`; 0 bytes means there is no such object.

    `refusal` says that no provider would run it, `expired` that its provider ran out of time; `warnings` are
    for people.
    """

    attempt: str
    output_bytes: int = 0
    error_bytes: int = 0
    counts: Counts = field(default_factory=Counts)
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    refusal: Refusal | None = None
    expired: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRef:
    """As much of a SealedShard as collect needs; a batch may have thousands."""

    attempt: str
    output: bool
    error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOrder:
    """The sealed shards of a batch, in input order."""

    batch_id: str
    project: str
    shards: tuple[SealedRef, ...]
    output_expires_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The files a batch ends with; None where there would have been nothing in it."""

    output_file_id: str | None
    error_file_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """How far a batch is by its chunks' own reports."""

    completed: int = 0
    failed: int = 0
    tokens: int = 0
    waiting_on: str | None = None
