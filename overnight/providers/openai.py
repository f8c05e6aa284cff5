"""OpenAI's batch API, and that of any provider which copies it: Groq, gateways, self-hosted ones.

What they may do differently is read with tolerance (`shapes`, `listing`, `result_lines`). Source:
platform.openai.com/docs/api-reference/batch, and the differences Groq documents.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderRefused, ProviderUnavailable, ResultsCut, SubmissionUnclear
from overnight.domain.job import Job, Tag
from overnight.providers.asking import Asking, holding_on, limits_at, oldest_first, quoted
from overnight.providers.complaints import named, read_complaint
from overnight.providers.connection import Connection, Patience
from overnight.providers.listing import GetPage, listed_since
from overnight.providers.multipart import Form
from overnight.providers.protocol import RESULTS_GONE, Content, Limits, Result, Shape
from overnight.providers.request_lines import RequestLines
from overnight.providers.result_lines import read_results
from overnight.providers.shapes import (
    TAG_KEY,
    Raw,
    StoredFile,
    read_file,
    read_job,
    tag_in_filename,
    text_of,
)
from overnight.providers.shared_reading import SharedReading

OPENAI_LIMITS = Limits(
    max_requests=50_000,
    max_bytes=200_000_000,
    endpoints=frozenset(Endpoint),
    window=timedelta(hours=24),
    list_lag=timedelta(seconds=30),
)

_GONE = (404, 410)
_MAY_HAVE_ENDED = (400, 409)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What else a provider wants to hear: with an upload, with a job, and when its files are listed."""

    limits: Limits = OPENAI_LIMITS
    upload: Mapping[str, str] = field(default_factory=dict)
    job: Mapping[str, object] = field(default_factory=dict)
    files_query: Mapping[str, str] = field(default_factory=dict)


OPENAI = Dialect(files_query={"limit": "1000", "order": "desc"})


class OpenAIProvider:
    """One deployment of an OpenAI-shaped batch API. It is a Provider."""

    def __init__(
        self,
        deployment: Deployment,
        *,
        patience: Patience | None = None,
        connection: Connection | None = None,
        dialect: Dialect = OPENAI,
    ) -> None:
        self.limits = limits_at(deployment, dialect.limits)
        self._dialect = dialect
        self._asking = Asking(deployment, connection or _connection(deployment, patience))
        self._jobs = SharedReading(self._read_jobs)
        self._uploads = SharedReading(self._read_uploads)

    def serving(self, deployment: Deployment) -> Self:  # noqa: ARG002 - Provider's signature
        """Return it as it is: the lines of a job name their model."""
        return self

    def shape(self, endpoint: Endpoint, *, model: str | None) -> Shape:
        """Return OpenAI's own lines."""
        return RequestLines(endpoint, model=model)

    async def upload(self, content: Content, *, size: int, tag: Tag) -> str:
        """Send a job's input as a stream. Raises NoPlace when the account has no room for more files."""
        fields = {"purpose": "batch", **self._dialect.upload}
        form = Form(fields, filename=tag.filename, content=content, size=size)
        file_id = text_of((await self._asking.upload("/files", form)).get("id"))
        if file_id is None:
            raise self._asking.unreadable()
        return file_id

    async def find_uploads(self, tag: Tag, *, since: datetime) -> list[str]:
        """Return the ids of the files with the tag's name, newest first."""
        files = await self._uploads.since(since)
        return [each.id for each in files.values() if each.filename == tag.filename and not each.lost]

    async def find_remains(self, tag: Tag, *, since: datetime) -> list[str]:
        """Return the ids of the files of the tag's shard, newest first, those that are lost too."""
        files = await self._uploads.since(since)
        return [each.id for each in files.values() if each.filename.startswith(tag.filenames_of_shard)]

    async def submit(self, *, tag: Tag, file_id: str, endpoint: Endpoint) -> Job:
        """Create the job. Whatever leaves open whether it was created raises SubmissionUnclear."""
        order = {
            "input_file_id": file_id,
            "endpoint": endpoint.value,
            "completion_window": "24h",
            "metadata": {TAG_KEY: str(tag)},
            **self._dialect.job,
        }
        job = read_job(await self._asking.create("/batches", order))
        if job is None:
            raise SubmissionUnclear(self._asking.unreadable().message)
        return replace(job, tag=str(tag))

    async def find(self, prefix: str, *, since: datetime) -> list[Job]:
        """Return the jobs whose tag begins with `prefix`.

        A provider that gives no metadata back is asked for its files too: a job without metadata has
        the tag that its input file was uploaded with.
        """
        jobs = await self._jobs.since(since)
        return oldest_first([job for job in jobs if job.tag and job.tag.startswith(prefix)])

    async def poll(self, job_id: str) -> Job:
        """Ask how the job is doing. A refused key does not lose a job: it raises ProviderUnavailable."""
        return await self._of_job(job_id, "GET", "")

    async def cancel(self, job_id: str) -> Job:
        """Ask for the job to be cancelled; one that can't be any more is returned as it is."""
        try:
            return await self._of_job(job_id, "POST", "/cancel")
        except ProviderUnavailable as error:
            if error.status not in _MAY_HAVE_ENDED:
                raise
        return await self.poll(job_id)

    async def results(self, job: Job) -> AsyncGenerator[Result, None]:
        """Yield what is in the output file and in the error file; see Provider."""
        lacking: ProviderRefused | ResultsCut | None = None
        for file_id in dict.fromkeys((job.output_file_id, job.error_file_id)):
            if file_id:
                try:
                    async with aclosing(self._content(file_id)) as blocks:
                        async for result in read_results(blocks):
                            yield result
                except (ProviderRefused, ResultsCut) as error:
                    lacking = lacking or error
        if lacking is not None:
            raise lacking

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; one that is gone is fine."""
        answer = await self._asking.call("DELETE", f"/files/{quoted(file_id)}")
        if not answer.ok and answer.status not in _GONE:
            raise self._asking.error(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._asking.close()

    # --- parts ---------------------------------------------------------------------------------

    async def _of_job(self, job_id: str, method: str, verb: str) -> Job:
        job = read_job(await self._asking.of_job(job_id, method, f"/batches/{quoted(job_id)}{verb}"))
        if job is None:
            raise self._asking.unreadable()
        return job

    async def _content(self, file_id: str) -> AsyncGenerator[bytes, None]:
        gone = False
        async with aclosing(self._asking.download(f"/files/{quoted(file_id)}/content")) as pieces:
            with holding_on():
                async for piece in pieces:
                    if isinstance(piece, bytes):
                        yield piece
                    elif piece.status in _GONE and read_complaint(piece).enveloped:
                        # A page of some proxy is no word of the provider's about the file.
                        gone = True
                    else:
                        raise self._asking.error(piece)
        if gone:
            raise ProviderRefused(
                f"{self._asking.name} has no result file {file_id} (any more)", code=RESULTS_GONE
            )

    async def _read_jobs(self, since: datetime) -> list[Job]:
        """Return the jobs, newest first, with what tags they have."""
        found = listed_since(since, get=self._page_of("/batches"), query={"limit": "100"})
        jobs = [(raw, job) async for raw in found if (job := read_job(raw))]
        if all(raw.get("metadata") for raw, _ in jobs):
            return [job for _, job in jobs]
        files = await self._uploads.since(since)
        return [_tagged(job, raw, files) for raw, job in jobs]

    async def _read_uploads(self, since: datetime) -> dict[str, StoredFile]:
        """Return the input files by their ids, newest first."""
        query = {"purpose": "batch", **self._dialect.files_query}
        found = listed_since(since, get=self._page_of("/files"), query=query)
        files = [file async for raw in found if (file := read_file(raw))]
        return {file.id: file for file in files}

    def _page_of(self, path: str) -> GetPage:
        async def get(query: Mapping[str, str]) -> Raw:
            return await self._asking.ask("GET", path, query=query)

        return get


def _connection(deployment: Deployment, patience: Patience | None) -> Connection:
    headers = {}
    if deployment.api_key:
        headers["Authorization"] = f"Bearer {deployment.api_key}"
    if deployment.organization:
        headers["OpenAI-Organization"] = deployment.organization
    if deployment.project:
        headers["OpenAI-Project"] = deployment.project

    async def credentials() -> Mapping[str, str]:
        return headers

    base = deployment.api_base.rstrip("/")
    return Connection(
        name=named(deployment),
        provider=deployment.provider,
        base=base,
        credentials=credentials,
        patience=patience,
    )


def _tagged(job: Job, raw: Raw, files: Mapping[str, StoredFile]) -> Job:
    file = files.get(job.input_file_id or "")
    if raw.get("metadata") or file is None:
        return job
    return replace(job, tag=tag_in_filename(file.filename))
