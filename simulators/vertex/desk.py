"""Vertex AI behind the counter: reads a job's rows when it begins, and writes them back when it has ended."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Coroutine, Mapping
from pathlib import Path

import aiohttp

from simulators.native.clock import Clock
from simulators.native.course import Status
from simulators.native.faults import FaultBook
from simulators.native.jobdesk import JobDesk, Part
from simulators.native.manner import Json, Manner
from simulators.native.meter import Meter
from simulators.native.problems import Problem, ProblemKind
from simulators.native.refusals import Reason, Refusal
from simulators.native.scan import Scan
from simulators.vertex.buckets import Buckets, NoBucket, NoObject, Place
from simulators.vertex.fates import VertexFate
from simulators.vertex.jobs import Order, VertexJob
from simulators.vertex.moments import moment
from simulators.vertex.reading import scan_rows
from simulators.vertex.rules import VertexRules
from simulators.vertex.showing import job_at_door
from simulators.vertex.tokens import Tokens
from simulators.vertex.writing import write_rows

_MINUTE = 60.0
_SMALLEST_ID = 10**18


class VertexDesk(JobDesk[VertexRules, VertexJob]):
    """The jobs of all projects. `moment` is until when all is done that was due, and may be shown."""

    def __init__(
        self, manner: Manner, folder: Path, *, rules: VertexRules, clock: Clock, buckets: Buckets
    ) -> None:
        super().__init__(manner, folder, rules=rules, clock=clock, faults=FaultBook(VertexFate()))
        self.buckets = buckets
        self.tokens = Tokens()
        self.moment = clock.now()
        self.operations: dict[str, Json] = {}
        self._creates = Meter(_MINUTE)
        self._catching = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def parts(self) -> Mapping[str, Part]:
        """Return its jobs, and how many tokens it has issued."""
        return {
            "jobs": lambda: [job_at_door(job, now=self.moment) for job in self.jobs.values()],
            "tokens": self.tokens.parts,
        }

    def forget(self) -> None:
        """Begin anew: no token and no operation, either. What is in the buckets stays there."""
        self.tokens.forget()
        self.operations.clear()
        self._creates = Meter(_MINUTE)
        super().forget()

    def settle(self) -> None:
        """Nothing ends but in `catch_up`, as results have to be written then."""

    async def catch_up(self) -> None:
        """Read the rows of the jobs that have begun, and write those of the jobs that have ended."""
        # Shielded: who gives up waiting must not stop what others wait for, too.
        await asyncio.shield(self._spawn(self._catch_up()))

    async def close(self) -> None:
        """Stop reading and writing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def create_job(self, order: Order) -> VertexJob:
        """Create a job. Raises Refusal."""
        await self.catch_up()
        # Not the clock's: what has become due since then is not done, and may not be seen.
        now = self.moment
        self._creates.count(self.rules.creates_a_minute, now=now)
        self._check_quota(order)
        fate: VertexFate = self.faults.next_fate()
        job_id = str(_SMALLEST_ID + secrets.randbelow(8 * _SMALLEST_ID))
        job = VertexJob(
            id=job_id,
            number=number_of(order.project),
            order=order,
            created_at=now,
            input=self.folder / job_id,
            scan=Scan(),
            problems=_fated(fate),
            rules=self.rules,
            fate=fate,
            queue_seconds=self.rules.queue_seconds,
            run_seconds=self.rules.run_seconds,
            keeps_key_field=self.rules.keeps_key_field,
        )
        self._add(job)
        return job

    def job_of(self, job_id: str, *, project: str, location: str) -> VertexJob:
        """Return a job of a project, by its name or number, in a location. Raises Refusal."""
        job = self.job(job_id)
        if job.order.location != location or project not in {job.order.project, job.number}:
            raise Refusal(Reason.UNKNOWN_BATCH, id=job_id)
        return job

    def jobs_of(self, *, project: str, location: str) -> list[VertexJob]:
        """Return the jobs that a listing of a location shows, newest first."""
        return [
            job
            for job in reversed(self.listed())
            if job.order.location == location and project in {job.order.project, job.number}
        ]

    def delete(self, job: VertexJob) -> Json:
        """Delete a job that has ended, and return the operation that did. Raises Refusal."""
        last = job.snapshot(self.moment)
        if not last.ended:
            raise Refusal(Reason.NOT_ENDED, status_now=job.state(last, self.moment))
        del self.jobs[job.id]
        now = moment(self.clock.now())
        kind = "type.googleapis.com/google"
        name = f"{job.name.rsplit('/', 2)[0]}/operations/{secrets.randbelow(_SMALLEST_ID)}"
        operation = {
            "name": name,
            "metadata": {
                "@type": f"{kind}.cloud.aiplatform.v1.DeleteOperationMetadata",
                "genericMetadata": {"createTime": now, "updateTime": now},
            },
            "done": True,
            "response": {"@type": f"{kind}.protobuf.Empty"},
        }
        self.operations[name] = operation
        return operation

    def _check_quota(self, order: Order) -> None:
        claude = order.model.is_claude
        most = self.rules.max_claude_jobs if claude else self.rules.max_jobs
        beside = [
            job
            for job in self._open.values()
            if job.order.model.is_claude is claude
            and (job.order.project, job.order.location) == (order.project, order.location)
        ]
        if most is not None and len(beside) >= most:
            family = "Claude" if claude else "Gemini"
            quota = f"{family}ConcurrentBatchPredictionJobsPerProjectPerRegion"
            raise Refusal(Reason.TOO_MANY_JOBS, quota=quota)

    async def _catch_up(self) -> None:
        async with self._catching:
            now = self.clock.now()
            for job in list(self._open.values()):
                if not job.is_read and job.has_begun(now):
                    await self._read(job)
                if job.ends_at <= now:
                    await self._end(job)
            self.moment = now

    async def _read(self, job: VertexJob) -> None:
        job.is_read = True
        problem = await self._met(job, self._fetch(job))
        if problem is None:
            job.scan = await asyncio.to_thread(
                scan_rows, job.input, kind=job.order.model.kind, rules=self.rules
            )
        job.problems = job.scan.problems if problem is None else (problem,)
        job.plan()

    async def _fetch(self, job: VertexJob) -> None:
        await self.buckets.require(job.order.output.bucket)
        for place in job.order.uris:
            await self.buckets.fetch(place, job.input)

    async def _end(self, job: VertexJob) -> None:
        if Status.IN_PROGRESS in job.snapshot(job.ends_at).at:
            problem = await self._met(job, self._export(job))
            if problem is not None:
                job.problems = (problem,)
                job.plan()
        job.input.unlink(missing_ok=True)
        self._open.pop(job.id, None)
        self.on_end(job)

    async def _export(self, job: VertexJob) -> None:
        directory = job.directory
        try:
            files = await asyncio.to_thread(write_rows, job, self.folder)
            for name, path in files.items():
                await self.buckets.store(Place(directory.bucket, f"{directory.name}/{name}"), path)
        finally:
            for path in self.folder.glob(f"{job.id}-*"):
                path.unlink()

    async def _met(self, job: VertexJob, work: Awaitable[None]) -> Problem | None:
        """Do something with the buckets; return what stood in its way."""
        try:
            await work
        except NoBucket as missing:
            return Problem(ProblemKind.BUCKET_MISSING, subject=str(missing))
        except NoObject as missing:
            return Problem(ProblemKind.INPUT_MISSING, subject=str(missing))
        except (aiohttp.ClientError, TimeoutError):
            return Problem(ProblemKind.SYSTEM_ERROR, subject=str(job.order.output))
        return None

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def number_of(project: str) -> str:
    """Return a project's number: what resource names have where a caller has said its id."""
    if project.isdecimal():
        return project
    return str(int(hashlib.sha256(project.encode()).hexdigest()[:10], 16))


def _fated(fate: VertexFate) -> tuple[Problem, ...]:
    if fate.error is not None:
        return (Problem(ProblemKind.SYSTEM_ERROR),)
    return () if fate.problem is None else (Problem(fate.problem),)
