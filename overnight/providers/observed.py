"""A provider whose errors are counted: what it did not do, by verb and by kind of reason."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import datetime

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderError
from overnight.domain.job import Job, Tag
from overnight.providers.protocol import Content, Provider, Result, Shape
from overnight.telemetry.labels import error_kind
from overnight.telemetry.metrics import PROVIDER_ERRORS


class ObservedProvider:
    """A Provider around another, whose it is to be closed; `name` is what its errors are counted for."""

    def __init__(self, provider: Provider, *, name: str) -> None:
        self.limits = provider.limits
        self._provider = provider
        self._name = name

    def serving(self, deployment: Deployment) -> "ObservedProvider":
        """Return it as it is for a deployment that is reached in the same way."""
        return ObservedProvider(self._provider.serving(deployment), name=self._name)

    def shape(self, endpoint: Endpoint, *, model: str | None) -> Shape:
        """Return how a job's requests are written."""
        return self._provider.shape(endpoint, model=model)

    async def upload(self, content: Content, *, size: int, tag: Tag) -> str:
        """Send a job's input."""
        with self._counting("upload"):
            return await self._provider.upload(content, size=size, tag=tag)

    async def find_uploads(self, tag: Tag, *, since: datetime) -> list[str]:
        """Return the input files that bear the tag's filename."""
        with self._counting("find_uploads"):
            return await self._provider.find_uploads(tag, since=since)

    async def find_remains(self, tag: Tag, *, since: datetime) -> list[str]:
        """Return all input files of the tag's shard."""
        with self._counting("find_remains"):
            return await self._provider.find_remains(tag, since=since)

    async def submit(self, *, tag: Tag, file_id: str, endpoint: Endpoint) -> Job:
        """Create a job."""
        with self._counting("submit"):
            return await self._provider.submit(tag=tag, file_id=file_id, endpoint=endpoint)

    async def find(self, prefix: str, *, since: datetime) -> list[Job]:
        """Return the jobs whose tag begins with `prefix`."""
        with self._counting("find"):
            return await self._provider.find(prefix, since=since)

    async def poll(self, job_id: str) -> Job:
        """Ask how a job is doing."""
        with self._counting("poll"):
            return await self._provider.poll(job_id)

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job to be cancelled."""
        with self._counting("cancel"):
            return await self._provider.cancel(job_id)

    async def results(self, job: Job) -> AsyncGenerator[Result, None]:
        """Yield the results of a job that has ended."""
        with self._counting("results"):
            async for result in self._provider.results(job):
                yield result

    async def delete_file(self, file_id: str) -> None:
        """Delete a file."""
        with self._counting("delete_file"):
            await self._provider.delete_file(file_id)

    async def close(self) -> None:
        """Leave it open: it is others' too."""

    @contextmanager
    def _counting(self, verb: str) -> Iterator[None]:
        try:
            yield
        except ProviderError as error:
            PROVIDER_ERRORS.labels(self._name, verb, error_kind(error)).inc()
            raise
