"""A job: the batch that a provider's own batch API runs for one of our shards."""

from dataclasses import dataclass, field
from datetime import datetime

from overnight.domain.batch import BatchError
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts

TOKEN_LIMIT = "token_limit_exceeded"  # noqa: S105 - OpenAI's and Azure's own code, no secret
"""How a job ends whose prompts did not fit under the deployment's limit of enqueued tokens."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Our mark on a job and on the file it was made of, so that a repeat finds what is there already.

    `number` counts the jobs that the shard has asked for, from 1: one that was refused is followed by
    another, which must not be taken for it. A piece of the input file's random id stands in the tag, since
    two installations may share an account, and an idempotency key, which makes the batch's id.
    """

    batch_id: str
    input_file_id: str
    shard: int
    number: int

    def __str__(self) -> str:
        return f"{self.of_shard}{self.number}"

    @property
    def of_shard(self) -> str:
        """What the tags of all the jobs of this shard begin with, and those of no other shard."""
        return f"{self.batch_id}.{self.input_file_id[-8:]}/shard-{self.shard:04d}/job-"

    def number_of(self, other: str | None) -> int | None:
        """Return which of the jobs of this tag's shard bears another tag; None if none of them does."""
        number = (other or "").removeprefix(self.of_shard)
        return int(number) if number.isdecimal() else None

    @property
    def filenames_of_shard(self) -> str:
        """What the names of the input files of all the jobs of this shard begin with."""
        return self.of_shard.replace("/", ".")

    @property
    def filename(self) -> str:
        """The name of the job's input file at the provider."""
        return f"{str(self).replace('/', '.')}.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its provider shows it, in OpenAI's words.

    `tag` is None for a job that is not ours. `errors` say why a job failed; their `line` is 1-based in the
    job's own input. `counts` are zeros until the provider counts.
    """

    id: str
    status: BatchStatus
    tag: str | None = None
    created_at: datetime | None = None
    counts: Counts = field(default_factory=Counts)
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: tuple[BatchError, ...] = ()

    @property
    def met_token_limit(self) -> bool:
        """Whether the job failed for want of room only: later, the same job may do."""
        return self.status is BatchStatus.FAILED and any(error.code == TOKEN_LIMIT for error in self.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunJob:
    """The last job that a shard has asked for: its `number`-th, of a deployment.

    It is written down before the provider hears of it, for whoever tells the shard's story again: only there
    can a job be that nobody has noted yet. `story` is the telling that began it, by its run's id.
    """

    batch_id: str
    shard: int
    number: int
    deployment: str
    story: str

    def may_follow(self, last: "BegunJob | None", *, known: "BegunJob | None") -> bool:
        """Tell whether a shard may ask for this job after its `last` one, `known` being what it knows of.

        Not before it has seen to what another telling of its story may have left, and not when its own has
        gone on meanwhile, as a worker that was frozen may find.
        """
        if last is None:
            return True
        if last.story == self.story:
            return last.number <= self.number
        return last.is_job(self) or (known is not None and last.is_job(known))

    def is_job(self, other: "BegunJob") -> bool:
        """Tell whether another telling means the same job."""
        return (self.number, self.deployment) == (other.number, other.deployment)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """What is kept of a job: the batch it belongs to, and how it was when somebody last looked.

    It was the `number`-th that its shard asked for; `workflow_id` names the run that follows it.
    """

    id: str
    provider: str
    deployment: str
    batch_id: str
    shard: int
    number: int
    workflow_id: str
    status: BatchStatus
