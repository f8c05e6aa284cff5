"""What travels through Temporal between workflows and activities: ids and counts. No line, no secret.

A new field gets a default, so that histories written before it can still be read.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from activities.job_payloads import Refusal
from overnight.domain.account import Account
from overnight.domain.batch import BatchChange
from overnight.domain.deployment import BatchLane
from overnight.domain.endpoint import Endpoint
from overnight.domain.price import DeclaredPrice, Quote
from overnight.domain.status import NoAnswer, StopReason
from overnight.domain.usage import Counts, Usage
from overnight.outcomes.seal import Served


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
    `price` is a quote that an earlier version has made for the whole batch; `approximated_input` is
    in tokens. With a `default_model` there may
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
    approximated_input: int | None = None


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
    `default_model` is that of lines which name none; without one there are no such lines. Once the batch has
    cost `max_cost`, in US dollars, no other line is sent.
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
    max_cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOrder:
    """One chunk to send to one deployment, by its id; `default_model` and `max_cost` as in a ShardOrder."""

    batch_id: str
    shard: int
    chunk: int
    input_file_id: str
    endpoint: Endpoint
    deployment: str
    default_model: str | None = None
    model: str | None = None
    max_cost: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDone:
    """How many lines of a chunk have an outcome, and whether others were left since the batch cost enough."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    over_budget: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOrder:
    """A shard whose checkpoints are to be put in order. `missing` is said of lines without an outcome."""

    batch_id: str
    shard: int
    input_file_id: str
    missing: NoAnswer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteOrder:
    """Whose prices are wanted, and of which time."""

    served: tuple[Served, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOrder:
    """A sealed shard that is to be charged at these quotes."""

    batch_id: str
    shard: int
    sealed_by: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedShard:
    """What a shard cost. Its part of the receipt is in an object named by `attempt`."""

    attempt: str
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedShard:
    """A shard in input order, in two objects named by `attempt`; 0 bytes means there is no such object.

    `refusal` says that no provider would run it, `expired` that its provider ran out of time; `warnings` are
    for people. Where it is `receipted` every line is in an object of receipts too, which an earlier version
    has not made; `served` are all who have answered lines of it, and `charged` is what that cost.
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
    over_budget: bool = False
    receipted: bool = False
    served: tuple[Served, ...] = ()
    charged: ChargedShard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRef:
    """As much of a SealedShard as collect needs; a batch may have thousands.

    `charged_by` names the object of its receipt, None meaning that an earlier version has made none.
    """

    attempt: str
    output: bool
    error: bool
    charged_by: str | None = None


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
    receipt_file_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """How far a batch is by its chunks' own reports, at which moment.

    `step` is how many of the steps are done that events are told of.
    """

    completed: int = 0
    failed: int = 0
    tokens: int = 0
    waiting_on: str | None = None
    step: int = 0
    at: datetime | None = None
