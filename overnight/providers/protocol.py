"""The seam to the providers' batch APIs: the verbs of a job's life, and a provider's limits as facts."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import Untranslatable
from overnight.domain.job import Job, Tag
from overnight.jsonl import Request

RESULTS_GONE = "results_gone"
"""The code of the refusal when a result file has been deleted, or has lived its time."""

Content = Callable[[], AsyncIterator[bytes]]
"""A job's input, JSONL in blocks of any size; each call begins at the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a provider takes, and what can be relied on.

    `max_requests` and `max_bytes` bound one job. `window` is how long the provider tries, None meaning for as
    long as it takes. `list_lag` is how long a job may exist before a listing shows it. With
    `idempotent_create` a repeated submit makes no second job, so that nobody needs to look for the first.
    With `model_of_job` the model is the job's, and its lines name none.
    """

    max_requests: int
    max_bytes: int
    endpoints: frozenset[Endpoint]
    window: timedelta | None
    list_lag: timedelta
    idempotent_create: bool = False
    model_of_job: bool = False


class LineFault(msgspec.Struct, frozen=True, gc=False):
    """Why a request of a job was never answered, in the provider's words."""

    code: str
    message: str


class Result(msgspec.Struct, frozen=True, gc=False):
    """One request's result, in OpenAI's shape: a response (`status` and `body`) or a fault.

    `body` is JSON on one line. `key` is what correlates it: what the provider's Shape makes of its request.
    """

    key: str
    id: str | None = None
    status: int = 0
    request_id: str | None = None
    body: bytes = b""
    fault: LineFault | None = None


class Shape(Protocol):
    """How a provider has a job's requests written, and by what it tells them apart."""

    def key(self, request: Request) -> str:
        """Return what the result of a request will bear as its `key`.

        Requests that ask the same may share one: each has a result of its own, and it does not matter which.
        """
        ...

    def row(self, request: Request) -> bytes:
        """Return a request as a line of a job's input, newline included. Raises Untranslatable."""
        ...

    def fault(self, request: Request) -> Untranslatable | None:
        """Return what `row` raises for a request, or None if it can be written."""
        ...


class Provider(Protocol):
    """One deployment's batch API.

    Every verb raises ProviderUnavailable when the provider can't be reached or is not well (try again
    later), and ProviderRefused when it says no for good. The vendor's own exceptions end here.
    """

    limits: Limits

    def serving(self, deployment: Deployment) -> "Provider":
        """Return it as it is for a deployment that is reached in the same way: what is open is shared.

        It is for this one to be closed, and for no other.
        """
        ...

    def shape(self, endpoint: Endpoint, *, model: str | None) -> Shape:
        """Return how a job's requests are written, for the provider's `model`; None leaves what they name."""
        ...

    async def upload(self, content: Content, *, size: int, tag: Tag) -> str:
        """Send a job's input of `size` bytes as a file with the tag's filename; return the file's id.

        Raises NoPlace when the account can hold no more files, and what the content raises.
        """
        ...

    async def find_uploads(self, tag: Tag, *, since: datetime) -> list[str]:
        """Return the ids of the input files that bear the tag's filename and are not older than `since`.

        Those that the provider has lost, or could not take in, are left out: no job can be made of them.
        """
        ...

    async def find_remains(self, tag: Tag, *, since: datetime) -> list[str]:
        """Return the ids of all input files of the tag's shard, of whatever number and in whatever state."""
        ...

    async def submit(self, *, tag: Tag, file_id: str, endpoint: Endpoint) -> Job:
        """Create a job that bears the tag in its own metadata.

        Raises SubmissionUnclear when it may or may not have been created, NotReadyYet while the file is still
        being taken in, and NoPlace when it exceeds the tokens or jobs that may be queued at once.
        """
        ...

    async def find(self, prefix: str, *, since: datetime) -> list[Job]:
        """Return the jobs whose tag begins with `prefix`, oldest first, of those not older than `since`."""
        ...

    async def poll(self, job_id: str) -> Job:
        """Ask how a job is doing. Raises JobNotFound."""
        ...

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job to be cancelled; one that has ended is returned as it is. Raises JobNotFound."""
        ...

    def results(self, job: Job) -> AsyncIterator[Result]:
        """Yield the results of a job that has ended: in any order, some perhaps twice or not at all.

        Never yields a part of one. When a file is no longer there it raises ProviderRefused with the code
        `results_gone`, and when one stops in the middle of a line ResultsCut, after it has yielded what
        there is in all of them.
        """
        ...

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; one that is gone is fine."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
