"""Asking a deployment for something: what comes back is an object, or raised as what it amounts to."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from overnight.domain.deployment import Deployment
from overnight.domain.errors import (
    JobNotFound,
    NoPlace,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    SubmissionUnclear,
)
from overnight.domain.job import Job
from overnight.providers.complaints import named, provider_error, read_complaint
from overnight.providers.connection import Answer, Connection, ConnectionLost
from overnight.providers.multipart import Form
from overnight.providers.protocol import Limits
from overnight.providers.shapes import Raw, read_object

_NO_DATE = datetime.max.replace(tzinfo=UTC)
_MAYBE = (408, 409, 499)
"""Beside every 5xx and every lost connection: what was asked for may have been done."""


class Asking:
    """One deployment's API, over one connection. `name` is what messages call the deployment."""

    def __init__(self, deployment: Deployment, connection: Connection) -> None:
        self.name = named(deployment)
        self._deployment = deployment
        self._http = connection

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a call, and return whatever is answered. Raises ProviderUnavailable when nothing is."""
        return await self._http.call(method, path, json=json, query=query)

    async def ask(self, method: str, path: str, *, query: Mapping[str, str] | None = None) -> Raw:
        """Make a call that answers with an object. Raises ProviderError."""
        return self.read(await self.call(method, path, query=query))

    async def upload(self, path: str, form: Form) -> Raw:
        """Send a form. Raises ProviderError, and what the form's content raises."""
        return self.read(await self._http.upload(path, form))

    def download(self, path: str) -> AsyncGenerator[bytes | Answer, None]:
        """Yield a file's bytes, or else the one Answer that refuses them."""
        return self._http.download(path)

    async def create(self, path: str, order: Mapping[str, object]) -> Raw:
        """Create what can't be created twice; whatever leaves open if it was raises SubmissionUnclear."""
        try:
            answer = await self.call("POST", path, json=order)
        except ConnectionLost as lost:
            raise SubmissionUnclear(lost.message) from None
        if answer.status >= 500 or answer.status in _MAYBE:
            error = self.error(answer)
            raise SubmissionUnclear(error.message, status=error.status, retry_after=error.retry_after)
        if not answer.ok:
            raise self.error(answer)
        return read_object(answer.body) or {}

    async def of_job(self, job_id: str, method: str, path: str) -> Raw:
        """Make a call about a job; only a clear word that there is none raises JobNotFound."""
        with holding_on():
            answer = await self.call(method, path)
            # A page of some proxy is no word of the provider's about the job.
            if answer.status == 404 and read_complaint(answer).enveloped:
                raise JobNotFound(f"{self.name} does not know the job {job_id} (any more)", status=404)
            return self.read(answer)

    def read(self, answer: Answer) -> Raw:
        """Return what an answer says. Raises what it amounts to if it is none of success."""
        if not answer.ok:
            raise self.error(answer)
        said = read_object(answer.body)
        if said is None:
            raise self.unreadable()
        return said

    def error(self, answer: Answer) -> ProviderError:
        """Return the error that an answer amounts to."""
        return provider_error(answer, self._deployment)

    def unreadable(self) -> ProviderUnavailable:
        """Return the error that an answer of success amounts to which holds nothing of what was asked."""
        return ProviderUnavailable(f"{self.name} answers in a shape that is none of its API's")

    async def close(self) -> None:
        """Close the connection."""
        await self._http.close()


@contextmanager
def holding_on() -> Iterator[None]:
    """Never give a job up over an answer that is not about it: a key that is being rotated, say."""
    try:
        yield
    except JobNotFound:
        raise
    except (ProviderRefused, NoPlace) as error:
        raise ProviderUnavailable(
            error.message, status=error.status, retry_after=error.retry_after
        ) from error


def limits_at(deployment: Deployment, usual: Limits) -> Limits:
    """Return the limits of a provider as they are at a deployment."""
    return usual if deployment.list_lag is None else replace(usual, list_lag=deployment.list_lag)


def oldest_first(newest_first: list[Job]) -> list[Job]:
    """Return jobs by age, from a listing that begins with the newest."""
    # Times may be in whole seconds, so among equals it is the listing's own order that counts.
    newest_last = list(reversed(newest_first))
    newest_last.sort(key=lambda job: job.created_at or _NO_DATE)
    return newest_last


def quoted(provider_id: str) -> str:
    """Return an id as a part of a path."""
    return quote(provider_id, safe="")
