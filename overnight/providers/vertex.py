"""Vertex AI's batch prediction: jobs over its API, their rows in a bucket of the user's.

Source: cloud.google.com/vertex-ai, batch prediction for Gemini, Claude and text embeddings; aiplatform v1.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from overnight.domain.deployment import ANY_MODEL, Deployment, GooglePlace
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderRefused, ProviderUnavailable, SubmissionUnclear
from overnight.domain.job import Job, Tag
from overnight.domain.status import BatchStatus
from overnight.providers.asking import Asking, limits_at, oldest_first, quoted
from overnight.providers.complaints import named
from overnight.providers.connection import Connection, Patience
from overnight.providers.listing import CLOCK_SKEW
from overnight.providers.protocol import RESULTS_GONE, Content, Limits, Result, Shape
from overnight.providers.shapes import Raw, text_of
from overnight.providers.shared_reading import SharedReading
from overnight.providers.vertex_bucket import VertexBucket
from overnight.providers.vertex_jobs import MARK, read_vertex_job
from overnight.providers.vertex_rows import ENDPOINTS, VertexRows, read_rows, shape_of
from overnight.storage.gcs import GcsStorage
from overnight.storage.settings import ANONYMOUS
from overnight.translate import vertex_shape

if TYPE_CHECKING:
    from overnight.providers.google import GoogleTokens

VERTEX_LIMITS = Limits(
    max_requests=200_000,
    max_bytes=10**9,
    endpoints=ENDPOINTS,
    # A job may be queued for 72 hours, and then run for 24.
    window=timedelta(hours=96),
    list_lag=timedelta(seconds=30),
    model_of_job=True,
)

_PAGE_SIZE = "100"
_HAS_ENDED = (400, 409)
_GOING_ON = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
_PUBLISHERS = {"claude": "anthropic"}


class VertexProvider:
    """One model in one place of Vertex AI's. It is a Provider."""

    def __init__(self, deployment: Deployment, *, patience: Patience | None = None) -> None:
        place = deployment.google
        if place is None:
            raise ProviderRefused(f"{named(deployment)} has no project", code="invalid_request")
        self.limits = limits_at(deployment, VERTEX_LIMITS)
        self._model = deployment.model
        # A client that may name any model may not name another project's, to be run on our account.
        self._any_path = deployment.model_name != ANY_MODEL
        self._jobs_path = (
            f"/projects/{quoted(place.project)}/locations/{quoted(place.location)}/batchPredictionJobs"
        )
        self._identity = _Identity(deployment, place)
        connection = Connection(
            name=named(deployment),
            base=f"{deployment.api_base}/v1",
            credentials=self._identity.credentials,
            patience=patience,
            on_refusal=self._identity.refused,
        )
        self._asking = Asking(deployment, connection)
        self._open: dict[str, GcsStorage] = {}
        self._account = place.credentials
        self._bucket = VertexBucket(self._store, bucket=place.bucket, prefix=place.prefix)
        self._jobs = SharedReading(self._read_jobs)

    def shape(self, endpoint: Endpoint, *, model: str | None) -> Shape:
        """Return the rows of the model. Raises ProviderRefused for an endpoint that it is not for."""
        name = model or self._model
        shape = vertex_shape(name, endpoint) if self._any_path or "/" not in name else None
        if shape is None:
            message = f"{self._asking.name} has no batches of {name} for {endpoint.value}"
            raise ProviderRefused(message, code="invalid_request")
        return VertexRows(shape)

    async def upload(self, content: Content, *, size: int, tag: Tag) -> str:  # noqa: ARG002 - Provider's signature
        """Write a job's input into the bucket; return its address. Raises StorageError."""
        return await self._bucket.put(tag, content)

    async def find_uploads(self, tag: Tag, *, since: datetime) -> list[str]:  # noqa: ARG002 - Provider's signature
        """Return the input of the job with the tag, if it is there. Raises StorageError."""
        return [self._bucket.input_of(tag)] if await self._bucket.has_input(tag) else []

    async def find_remains(self, tag: Tag, *, since: datetime) -> list[str]:  # noqa: ARG002 - Provider's signature
        """Return what is in the bucket of the tag's shard. Raises StorageError."""
        return await self._bucket.left_of(tag)

    async def submit(self, *, tag: Tag, file_id: str, endpoint: Endpoint) -> Job:  # noqa: ARG002 - the model says it
        """Create the job. Whatever leaves open whether it was created raises SubmissionUnclear."""
        order = {
            "displayName": str(tag),
            "model": _resource(self._model),
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [file_id]}},
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {"outputUriPrefix": self._bucket.results_of(tag)},
            },
            "labels": {MARK: tag.batch_id},
        }
        job = read_vertex_job(await self._asking.create(self._jobs_path, order))
        if job is None:
            raise SubmissionUnclear(self._asking.unreadable().message)
        return replace(job, tag=str(tag))

    async def find(self, prefix: str, *, since: datetime) -> list[Job]:
        """Return the jobs whose tag begins with `prefix`."""
        jobs = await self._jobs.since(since)
        return oldest_first([job for job in jobs if job.tag and job.tag.startswith(prefix)])

    async def poll(self, job_id: str) -> Job:
        """Ask how the job is doing. A refused account does not lose a job: it raises ProviderUnavailable."""
        return self._read(await self._asking.of_job(job_id, "GET", self._path(job_id)))

    async def cancel(self, job_id: str) -> Job:
        """Ask for the job to be cancelled; one that can't be any more is returned as it is.

        Vertex answers with nothing, and the job may be in its old state for a while. It is returned in that
        state: whoever waits for another one then waits, and does not ask again and again.
        """
        try:
            await self._asking.of_job(job_id, "POST", f"{self._path(job_id)}:cancel")
        except ProviderUnavailable as error:
            job = await self.poll(job_id) if error.status in _HAS_ENDED else None
            if job is None or job.status in _GOING_ON:
                raise
            return job
        return await self.poll(job_id)

    async def results(self, job: Job) -> AsyncGenerator[Result, None]:
        """Yield the rows of all files of predictions; see Provider. Raises StorageError, too."""
        shape = shape_of(self._model)
        if job.output_file_id is None or shape is None:
            return
        found = False
        async with aclosing(self._bucket.results_in(job.output_file_id)) as files:
            async for blocks in files:
                found = True
                async with aclosing(read_rows(blocks, shape)) as results:
                    async for result in results:
                        yield result
        if not found:
            message = f"{self._asking.name} has no results in {job.output_file_id} (any more)"
            raise ProviderRefused(message, code=RESULTS_GONE)

    async def delete_file(self, file_id: str) -> None:
        """Delete an input, or a folder of results; what is gone is fine. Raises StorageError."""
        await self._bucket.delete(file_id)

    async def close(self) -> None:
        """Close the connections."""
        for storage in self._open.values():
            await storage.close()
        await self._asking.close()

    # --- parts ---------------------------------------------------------------------------------

    async def _read_jobs(self, since: datetime) -> list[Job]:
        """Return our jobs, newest first."""
        horizon = (since - CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"filter": f'labels.{MARK}:* AND createTime>"{horizon}"', "pageSize": _PAGE_SIZE}
        jobs: list[Job] = []
        token: str | None = ""
        while token is not None:
            more = {"pageToken": token} if token else {}
            page = await self._asking.ask("GET", self._jobs_path, query={**query, **more})
            jobs += _jobs_in(page)
            following = text_of(page.get("nextPageToken"))
            # Whoever ignores a token would be asked for the same page for ever.
            token = following if following != token else None
        return sorted(jobs, key=_age, reverse=True)

    def _store(self, bucket: str) -> GcsStorage:
        if bucket not in self._open:
            self._open[bucket] = GcsStorage(bucket, credentials=self._account)
        return self._open[bucket]

    def _read(self, raw: Raw) -> Job:
        job = read_vertex_job(raw)
        if job is None:
            raise self._asking.unreadable()
        return job

    def _path(self, job_id: str) -> str:
        return f"{self._jobs_path}/{quoted(job_id)}"


class _Identity:
    """As whom Vertex AI is asked."""

    def __init__(self, deployment: Deployment, place: GooglePlace) -> None:
        self._name = named(deployment)
        self._place = place
        self._tokens: GoogleTokens | None = None

    async def credentials(self) -> Mapping[str, str]:
        """Return the header that shows it, with a token that is still good."""
        if self._place.credentials == ANONYMOUS:
            return {}
        if self._tokens is None:
            # Imported for those who use it only: it takes its time.
            from overnight.providers.google import GoogleTokens  # noqa: PLC0415 - see above

            self._tokens = GoogleTokens(self._place.credentials, name=self._name)
        return {"Authorization": f"Bearer {await self._tokens.token()}"}

    def refused(self) -> None:
        """Show another token next time: one can end before its time."""
        if self._tokens is not None:
            self._tokens.forget()


def _resource(model: str) -> str:
    """Return what Vertex calls a model: one of a publisher's, or of the project's own if it has a path."""
    if "/" in model:
        return model
    publisher = next((each for start, each in _PUBLISHERS.items() if model.startswith(start)), "google")
    return f"publishers/{publisher}/models/{model}"


def _jobs_in(page: Raw) -> list[Job]:
    listed = page.get("batchPredictionJobs")
    found = (
        (read_vertex_job(each) for each in listed if isinstance(each, dict))
        if isinstance(listed, list)
        else ()
    )
    return [job for job in found if job is not None]


def _age(job: Job) -> datetime:
    return job.created_at or datetime.min.replace(tzinfo=UTC)
