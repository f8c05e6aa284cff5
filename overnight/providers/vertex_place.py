"""What all models in one place of Vertex AI's share: a connection, an account, buckets, and the list of jobs.

Clients may name any model where a deployment serves any, and there is no end to names. So whatever is open,
remembered or waited for belongs to the place, and a model is but a word in an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from overnight.domain.deployment import Deployment, GooglePlace
from overnight.domain.errors import ProviderRefused
from overnight.domain.job import Job
from overnight.providers.asking import quoted
from overnight.providers.complaints import named
from overnight.providers.connection import Answer, Connection, Patience
from overnight.providers.listing import CLOCK_SKEW
from overnight.providers.shapes import Raw, read_object, text_of
from overnight.providers.shared_reading import SharedReading
from overnight.providers.vertex_jobs import MARK, read_vertex_job
from overnight.storage.gcs import GcsStorage
from overnight.storage.settings import ANONYMOUS

if TYPE_CHECKING:
    from overnight.providers.google import GoogleTokens

_PAGE_SIZE = "100"


class VertexPlace:
    """A project in a location, as one account sees it. `jobs_path` is where its jobs are."""

    def __init__(self, deployment: Deployment, *, patience: Patience | None = None) -> None:
        place = deployment.google
        if place is None:
            raise ProviderRefused(f"{named(deployment)} has no project", code="invalid_request")
        self.google = place
        self.jobs_path = (
            f"/projects/{quoted(place.project)}/locations/{quoted(place.location)}/batchPredictionJobs"
        )
        name = f"{deployment.provider} at {deployment.api_base} (project {place.project})"
        self.identity = _Identity(place, name=name)
        self.connection = Connection(
            name=name,
            provider=deployment.provider,
            base=f"{deployment.api_base}/v1",
            credentials=self.identity.credentials,
            patience=patience,
            on_refusal=self.identity.refused,
        )
        self.jobs: SharedReading[list[Job] | Answer] = SharedReading(self._read_jobs)
        """Our jobs, newest first, or the answer that says nothing of them."""
        self._open: dict[str, GcsStorage] = {}

    def store(self, bucket: str) -> GcsStorage:
        """Return a bucket, whole."""
        if bucket not in self._open:
            self._open[bucket] = GcsStorage(bucket, credentials=self.google.credentials)
        return self._open[bucket]

    async def close(self) -> None:
        """Close the connections."""
        for storage in self._open.values():
            await storage.close()
        await self.connection.close()

    async def _read_jobs(self, since: datetime) -> list[Job] | Answer:
        horizon = (since - CLOCK_SKEW).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"filter": f'labels.{MARK}:* AND createTime>"{horizon}"', "pageSize": _PAGE_SIZE}
        jobs: list[Job] = []
        token: str | None = ""
        while token is not None:
            more = {"pageToken": token} if token else {}
            answer = await self.connection.call("GET", self.jobs_path, query={**query, **more})
            page = read_object(answer.body) if answer.ok else None
            if page is None:
                return answer
            jobs += _jobs_in(page)
            following = text_of(page.get("nextPageToken"))
            # Whoever ignores a token would be asked for the same page for ever.
            token = following if following != token else None
        return sorted(jobs, key=_age, reverse=True)


class _Identity:
    """As whom Vertex AI is asked."""

    def __init__(self, place: GooglePlace, *, name: str) -> None:
        self._place = place
        self._name = name
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
