"""What travels between the native lane's workflow and its activities. Ids and counts, as everywhere."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import NoPlace, ProviderRefused, UnknownDeployment
from overnight.domain.job import Tag
from overnight.domain.status import BatchStatus, StopReason
from overnight.domain.usage import Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """The `number`-th job that a shard asks for, and of which deployment. `since` is when its batch began.

    `model` is what the lines are for, and `default_model` that of lines which name none; without one there
    are no such lines.
    """

    batch_id: str
    input_file_id: str
    shard: int
    number: int
    deployment: str
    endpoint: Endpoint
    since: datetime
    default_model: str | None = None
    model: str | None = None

    @property
    def tag(self) -> Tag:
        """What the job bears at the provider."""
        return Tag(self.batch_id, self.input_file_id, self.shard, self.number)


NOT_READY = "input_file_not_ready"
"""The code of a refusal of one that is only slow to take a file in, and would have taken it in the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What a shard has begun when its story was told before: the `number`-th job, at which deployment.

    There may be such a job or not; that deployment's provider knows.
    """

    deployment: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a deployment won't run a shard. `errors` have our line numbers; the message names no key."""

    code: str
    message: str
    errors: tuple[BatchError, ...] = ()

    @classmethod
    def of(cls, error: ProviderRefused) -> Self:
        """Return what a provider said as the value it is here: there may be another deployment."""
        return cls(code=error.code, message=error.message)

    @classmethod
    def of_unknown(cls, error: UnknownDeployment) -> Self:
        """Return that a deployment was configured away as the value it is here: others may be left."""
        return cls(code="unknown_deployment", message=error.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlaceNow:
    """The deployment has as much queued as it takes; it said when to come back, or did not."""

    reason: str
    retry_after: timedelta | None = None

    @classmethod
    def of(cls, error: NoPlace) -> Self:
        """Return what a provider said as the value it is here: there may be room later."""
        return cls(reason=error.message, retry_after=error.retry_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """How an upload ended: with the file's id at the provider, or not.

    With a `job_id` there was nothing to send, since the job is there from when the story was told before. It
    is `over` when the shard has no line that could be put into a job: their outcomes are kept already.
    """

    file_id: str | None = None
    job_id: str | None = None
    over: bool = False
    refusal: Refusal | None = None
    no_place: NoPlaceNow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOrder:
    """A job to create of a file that is there. `begun` is what the shard knows to have been begun before.

    While there are `others` to run the shard, this deployment is not waited for without end.
    """

    job: JobOrder
    file_id: str
    begun: Begun | None = None
    others: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How a submit ended: with a job, with a refusal, or with no place for now.

    `repeated` says that an earlier try had been made, whose request may still arrive. With `begun` nothing
    was done, since another job may be there that the shard does not know of.
    """

    job_id: str | None = None
    repeated: bool = False
    refusal: Refusal | None = None
    no_place: NoPlaceNow | None = None
    begun: Begun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCall:
    """A job that is there. `seen` is what is known of its status: a poll returns when it is another.

    Until `twins_until` a second job with its tag may turn up, since its submit had to be repeated.
    """

    job: JobOrder
    job_id: str
    seen: BatchStatus | None = None
    twins_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """A job as its provider shows it, and why it failed if it has.

    With `no_place` the failure is want of room only, and a job like it may do later.
    """

    status: BatchStatus
    counts: Counts = field(default_factory=Counts)
    refusal: Refusal | None = None
    no_place: NoPlaceNow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadOrder:
    """A job that has ended, and why we ended it, if we did."""

    job: JobOrder
    job_id: str
    stopped: StopReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What was found in a job's results. `warning` is for people: what does not add up."""

    lines: int = 0
    answered: int = 0
    refusal: Refusal | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The jobs of a shard that were found at a provider, by their tag; those that ran were cancelled."""

    jobs: tuple[JobCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What may be left of a shard at one deployment: jobs that we know of, and what was uploaded for them.

    Whatever else bears the shard's tag there is found by it, so one of either is enough.
    """

    provider: str
    deployment: str
    jobs: tuple[JobCall, ...] = ()
    uploads: tuple[JobOrder, ...] = ()
