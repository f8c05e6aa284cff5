"""A batch's shards on their way through the native lane's steps, at a simulated provider over real HTTP."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from temporalio.testing import ActivityEnvironment

from activities.job_payloads import DownloadOrder, JobCall, JobOrder, JobReport, Submission, SubmitOrder
from activities.jobs import ProviderJobs
from activities.payloads import SealedShard, SealOrder
from activities.seal import Seal
from overnight.config import Settings
from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.file import BatchFileKind
from overnight.domain.job import BatchJob
from overnight.domain.layout import sealed_key
from overnight.domain.status import RESULT_MISSING, BatchStatus, StopReason
from overnight.providers import Providers
from tests.activities.house import BATCH, INPUT, NOW, House, line, order, settings
from tests.overnight.providers.desks import Desk

Order = TypeVar("Order")
Outcome = TypeVar("Outcome")


class Shop:
    """The steps, the provider behind them, and whoever runs them."""

    def __init__(self, house: House, desk: Desk, providers: Providers) -> None:
        self.house = house
        self.desk = desk
        self._providers = providers
        self.jobs = self.with_(desk.deployment)

    def with_(
        self,
        deployment: Deployment,
        *,
        default_model: str | None = None,
        list_lag: timedelta = timedelta(0),
    ) -> ProviderJobs:
        """Return the steps as they are with another deployment. A simulated listing is believed at once."""
        deployment = replace(deployment, list_lag=list_lag)
        self.settings: Settings = settings(deployment, default_model=default_model)
        self.jobs = ProviderJobs(
            deployment.provider,
            settings=self.settings,
            catalog=self.house.catalog,
            storage=self.house.storage,
            providers=self._providers,
        )
        return self.jobs

    async def given(self, *content: bytes) -> None:
        """Take a batch in, with this input."""
        await self.house.catalog.add_batch(order())
        await self.house.upload(b"".join(content))
        await self.house.ingest(with_=self.settings)

    async def run(
        self,
        step: Callable[[Order], Awaitable[Outcome]],
        asked: Order,
        *,
        attempt: int = 1,
        details: Sequence[Any] = (),
        beats: list[Any] | None = None,
        telling: str = "first",
        tried_for: timedelta = timedelta(0),
    ) -> Outcome:
        """Run a step as Temporal does: as an attempt of a run, with what the last one's heartbeats said.

        `tried_for` is how long ago the first attempt was.
        """
        environment = ActivityEnvironment()
        environment.info = replace(
            environment.info,
            attempt=attempt,
            heartbeat_details=details,
            scheduled_time=datetime.now(UTC) - tried_for,
            workflow_id=f"{BATCH}/shard-0000",
            workflow_run_id=telling,
        )
        environment.on_heartbeat = lambda *details: (beats if beats is not None else []).append(details)
        return await environment.run(step, asked)

    async def uploaded(self, asked: JobOrder | None = None) -> str:
        """Upload, and let the provider take it in."""
        upload = await self.run(self.jobs.upload, asked or job_order())
        self.desk.pass_time(10)
        assert upload.file_id is not None
        return upload.file_id

    async def submission(self, asked: JobOrder | None = None, *, attempt: int = 1) -> Submission:
        asked = asked or job_order()
        submit = SubmitOrder(job=asked, file_id=await self.uploaded(asked))
        return await self.run(self.jobs.submit, submit, attempt=attempt)

    async def submitted(self, asked: JobOrder | None = None) -> JobCall:
        asked = asked or job_order()
        submission = await self.submission(asked)
        assert submission.job_id is not None
        return JobCall(job=asked, job_id=submission.job_id)

    async def ended(self) -> JobCall:
        """Return a job that has had all the time it needs."""
        call = await self.submitted()
        self.desk.pass_time(3_600)
        return call

    async def polled(self, call: JobCall, seen: BatchStatus | None = None) -> JobReport:
        return await self.run(self.jobs.poll, replace(call, seen=seen))

    async def outcomes(
        self, call: JobCall, *, stopped: StopReason | None = None, attempt: int = 1
    ) -> dict[str, Any]:
        """Download and seal; return what became of each line: its status, or the code of its error."""
        download = DownloadOrder(job=call.job, job_id=call.job_id, stopped=stopped)
        await self.run(self.jobs.download, download, attempt=attempt)
        return await self.sealed(call, stopped=stopped)

    async def sealed(self, call: JobCall, *, stopped: StopReason | None = None) -> dict[str, Any]:
        """Seal what is downloaded; return what became of each line, as `outcomes` does."""
        seal = Seal(catalog=self.house.catalog, storage=self.house.storage)
        missing = RESULT_MISSING if stopped is None else stopped.no_answer
        placed = SealOrder(batch_id=BATCH, shard=call.job.shard, input_file_id=INPUT, missing=missing)
        sealed: SealedShard = await ActivityEnvironment().run(seal.seal_shard, placed)
        found: dict[str, Any] = {}
        for kind, size in (
            (BatchFileKind.OUTPUT, sealed.output_bytes),
            (BatchFileKind.ERROR, sealed.error_bytes),
        ):
            if size:
                key = sealed_key(BATCH, call.job.shard, attempt=sealed.attempt, kind=kind)
                content = await self.house.content(key)
                found.update((told["custom_id"], told) for told in map(json.loads, content.splitlines()))
        return found

    async def waiting_on(self) -> str | None:
        return (await self.house.catalog.batch(BATCH)).waiting_on

    async def noted(self) -> list[BatchJob]:
        return await self.house.catalog.jobs(BATCH, limit=10)


def job_order(number: int = 1, **fields: Any) -> JobOrder:
    given: dict[str, Any] = {
        "batch_id": BATCH,
        "input_file_id": INPUT,
        "shard": 0,
        "number": number,
        "deployment": "dep_1",
        "endpoint": Endpoint.CHAT_COMPLETIONS,
        "since": NOW,
        **fields,
    }
    return JobOrder(**given)


def said(count: int, **fields: Any) -> bytes:
    """So many good lines for the deployment's model."""
    return b"".join(line(number, **{"model": "gpt", **fields}) for number in range(count))
