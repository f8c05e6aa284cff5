"""Vertex AI's batch prediction: jobs over its API, their rows in a bucket of the user's.

Source: cloud.google.com/vertex-ai, batch prediction for Gemini, Claude and text embeddings; aiplatform v1.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from overnight.domain.deployment import ANY_MODEL, Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import (
    ProviderRefused,
    ProviderUnavailable,
    StorageRefused,
    SubmissionUnclear,
)
from overnight.domain.job import Job, Tag
from overnight.domain.status import BatchStatus
from overnight.providers.asking import Asking, limits_at, oldest_first, quoted
from overnight.providers.connection import Answer, Patience
from overnight.providers.protocol import RESULTS_GONE, Content, Limits, Result, Shape
from overnight.providers.shapes import Raw
from overnight.providers.vertex_bucket import VertexBucket, bucket_refused
from overnight.providers.vertex_jobs import MARK, read_vertex_job
from overnight.providers.vertex_place import VertexPlace
from overnight.providers.vertex_rows import ENDPOINTS, VertexRows, read_rows, shape_of
from overnight.translate import vertex_shape

VERTEX_LIMITS = Limits(
    max_requests=200_000,
    max_bytes=10**9,
    endpoints=ENDPOINTS,
    # A job may be queued for 72 hours, and then run for 24.
    window=timedelta(hours=96),
    list_lag=timedelta(seconds=30),
    model_of_job=True,
)

_HAS_ENDED = (400, 409)
_GOING_ON = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
_PUBLISHERS = {"claude": "anthropic"}


class VertexProvider:
    """One model in one place of Vertex AI's. It is a Provider.

    It is made of next to nothing: what is kept, and closed, is the `place`, its own unless one is given.
    """

    def __init__(
        self, deployment: Deployment, *, patience: Patience | None = None, place: VertexPlace | None = None
    ) -> None:
        self.limits = limits_at(deployment, VERTEX_LIMITS)
        self._deployment = deployment
        self._model = deployment.model
        # A client that may name any model may not name another project's, to be run on our account.
        self._any_path = deployment.model_name != ANY_MODEL
        self._place = place = place or VertexPlace(deployment, patience=patience)
        self._asking = Asking(deployment, place.connection)
        self._bucket = VertexBucket(place.store, bucket=place.google.bucket, prefix=place.google.prefix)

    def serving(self, deployment: Deployment) -> VertexProvider:
        """Return it for another model, or another name of it, at the same place."""
        return VertexProvider(deployment, place=self._place)

    def shape(self, endpoint: Endpoint, *, model: str | None) -> Shape:
        """Return the rows of the model. Raises ProviderRefused for an endpoint that it is not for."""
        name = model or self._model
        shape = vertex_shape(name, endpoint) if self._any_path or "/" not in name else None
        if shape is None:
            message = f"{self._asking.name} has no batches of {name} for {endpoint.value}"
            raise ProviderRefused(message, code="invalid_request")
        return VertexRows(shape)

    async def upload(self, content: Content, *, size: int, tag: Tag) -> str:  # noqa: ARG002 - Provider's signature
        """Write a job's input into the bucket; return its address. Raises StorageError.

        Raises ProviderRefused when there is no such bucket, or none that this account may use.
        """
        async with self._bucket_may_refuse(tag):
            return await self._bucket.put(tag, content)

    async def find_uploads(self, tag: Tag, *, since: datetime) -> list[str]:  # noqa: ARG002 - Provider's signature
        """Return the input of the job with the tag, if it is there; see `upload`. Raises StorageError."""
        async with self._bucket_may_refuse(tag):
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
        job = read_vertex_job(await self._asking.create(self._place.jobs_path, order))
        if job is None:
            raise SubmissionUnclear(self._asking.unreadable().message)
        return replace(job, tag=str(tag))

    async def find(self, prefix: str, *, since: datetime) -> list[Job]:
        """Return the jobs whose tag begins with `prefix`."""
        jobs = await self._place.jobs.since(since)
        if isinstance(jobs, Answer):
            raise self._asking.unreadable() if jobs.ok else self._asking.error(jobs)
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
        """Close the connections, for all models of the place."""
        await self._place.close()

    # --- parts ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def _bucket_may_refuse(self, tag: Tag) -> AsyncIterator[None]:
        """Take a bucket's no for the deployment's: there may be another one, or else somebody is to know."""
        # An account that gets no token is refused for good here, and only waited for at a bucket.
        await self._place.identity.credentials()
        try:
            yield
        except StorageRefused as error:
            # An input is read from our own store, which may say no, too, and is waited for.
            if error.key != self._bucket.key_of(tag):
                raise
            raise bucket_refused(error, self._deployment) from error

    def _read(self, raw: Raw) -> Job:
        job = read_vertex_job(raw)
        if job is None:
            raise self._asking.unreadable()
        return job

    def _path(self, job_id: str) -> str:
        return f"{self._place.jobs_path}/{quoted(job_id)}"


def _resource(model: str) -> str:
    """Return what Vertex calls a model: one of a publisher's, or of the project's own if it has a path."""
    if "/" in model:
        return model
    publisher = next((each for start, each in _PUBLISHERS.items() if model.startswith(start)), "google")
    return f"publishers/{publisher}/models/{model}"
