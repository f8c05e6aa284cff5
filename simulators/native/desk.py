"""A provider that takes files in and makes jobs of them, behind the counter.

The result files of a job are written when somebody wants to read one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulators.native.asked import JobOrder, Page, cut
from simulators.native.clock import Clock
from simulators.native.course import Snapshot, Status
from simulators.native.faults import Fate, FaultBook
from simulators.native.files import Shelf, StoredFile
from simulators.native.jobdesk import JobDesk, Part
from simulators.native.jobs import Job
from simulators.native.limits import Limits, is_over_enqueued
from simulators.native.problems import Problem, ProblemKind
from simulators.native.refusals import Reason, Refusal
from simulators.native.results import Usage, write_results
from simulators.native.rules import Rules
from simulators.native.scanning import FileScan, scan
from simulators.native.shapes import Shapes
from simulators.native.shown import shown_file, shown_job

_DAY = 86_400.0
_RESULTS = "batch_output"


class Desk(JobDesk[Rules, Job]):
    """One provider's files and jobs, kept in `folder` and in memory."""

    def __init__(self, shapes: Shapes, folder: Path, *, rules: Rules, clock: Clock) -> None:
        super().__init__(shapes, folder, rules=rules, clock=clock, faults=FaultBook(Fate()))
        self.shapes = shapes
        self.shelf = Shelf()
        self._limits = Limits()
        self._writing: dict[str, asyncio.Task[Usage]] = {}

    def parts(self) -> Mapping[str, Part]:
        """Return its jobs and its files."""
        return {
            "jobs": lambda: [shown_job(job, now=self.clock.now()) for job in self.jobs.values()],
            "files": lambda: [shown_file(stored) for stored in self.shelf.present(now=self.clock.now())],
            "files_deleted": lambda: self.shelf.deleted,
        }

    def forget(self) -> None:
        """Begin anew: no file, either."""
        self.shelf.clear()
        self._writing.clear()
        self._limits = Limits()
        super().forget()

    def take_file(self, path: Path, *, filename: str, purpose: str, life: float | None) -> StoredFile:
        """Take an upload in. Raises Refusal."""
        now = self.clock.now()
        self._limits.check_upload(self.rules, self.shelf.present(now=now), now=now, expires=life is not None)
        stored = StoredFile(
            id=self.shapes.new_id("file"),
            filename=filename,
            purpose=purpose,
            path=path,
            created_at=now,
            ready_at=now + self.rules.file_pending_seconds,
            expires_at=None if life is None else now + life,
            size=path.stat().st_size,
        )
        self.shelf.put(stored)
        return stored

    async def file(self, file_id: str) -> StoredFile:
        """Return a file whose bytes lie ready. Raises Refusal."""
        self.settle()
        stored = self.shelf.get(file_id, now=self.clock.now())
        await self._fill(stored)
        return stored

    async def list_files(self, page: Page, *, purpose: str | None) -> tuple[list[StoredFile], bool]:
        """Return a page of files, and whether there are more. Raises Refusal."""
        self.settle()
        present = {stored.id: stored for stored in self.shelf.present(now=self.clock.now())}
        ids = [each.id for each in present.values() if purpose in {None, each.purpose}]
        chosen, more = cut(ids, page, missing=Reason.UNKNOWN_FILE)
        for file_id in chosen:
            await self._fill(present[file_id])
        return [present[file_id] for file_id in chosen], more

    def delete_file(self, file_id: str) -> None:
        """Delete a file; a job that reads it keeps what it needs. Raises Refusal."""
        self.settle()
        self.shelf.delete(file_id, now=self.clock.now())

    async def create_job(self, order: JobOrder) -> Job:
        """Create a job. Raises Refusal."""
        self.settle()
        now = self.clock.now()
        self._limits.check_create(self.rules, now=now)
        path = self.folder / self.shapes.new_id("batch")
        try:
            job = self._new_job(order, path, await self._scan(order, path, now=now), now=now)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._add(job)
        return job

    async def look(self, job: Job) -> Snapshot:
        """Return how a job stands, its usage counted if the provider tells it."""
        snapshot = job.snapshot(self.clock.now())
        if self.shapes.facts.tells_usage and job.usage is None and job.output_file_id is not None:
            job.usage = (await self._written(job)).as_json()
        return snapshot

    def list_jobs(self, page: Page) -> tuple[Sequence[Job], bool]:
        """Return a page of the jobs that are shown already, and whether there are more. Raises Refusal."""
        chosen, more = cut([job.id for job in self.listed()], page, missing=Reason.UNKNOWN_BATCH)
        return [self.jobs[job_id] for job_id in chosen], more

    async def _scan(self, order: JobOrder, path: Path, *, now: float) -> FileScan:
        stored = self.shelf.find(order.input_file_id, now=now)
        if stored is None or stored.purpose != "batch":
            if self.shapes.facts.input_may_be_missing:
                return FileScan(problems=(Problem(ProblemKind.INPUT_MISSING, subject=order.input_file_id),))
            raise Refusal(Reason.INPUT_MISSING, id=order.input_file_id)
        if stored.ready_at > now:
            raise Refusal(Reason.FILE_NOT_READY, id=stored.id)
        # A name of its own, so that the client may delete its file while the job is still reading.
        os.link(stored.path, path)
        return await asyncio.to_thread(scan, path, endpoint=order.endpoint, rules=self.rules)

    def _new_job(self, order: JobOrder, path: Path, scanned: FileScan, *, now: float) -> Job:
        fate: Fate = self.faults.next_fate()
        return Job(
            id=path.name,
            endpoint=order.endpoint,
            input_file_id=order.input_file_id,
            completion_window=order.completion_window,
            window=_DAY if self.shapes.facts.window_expires else None,
            metadata=order.metadata,
            result_life=order.result_life,
            created_at=now,
            input=path,
            scan=scanned,
            tokens=scanned.tokens,
            token_limit=self.rules.enqueued_tokens,
            model=scanned.model,
            problems=self._problems(scanned, fate.problem, order),
            rules=self.rules,
            fate=fate,
        )

    def _problems(self, scanned: FileScan, fated: ProblemKind | None, order: JobOrder) -> tuple[Problem, ...]:
        subjects = {
            ProblemKind.INPUT_MISSING: order.input_file_id,
            ProblemKind.TOKEN_LIMIT: f"{scanned.model}",
        }
        if fated is not None:
            return (Problem(fated, subject=subjects.get(fated, "")),)
        others = self._open.values()
        if not scanned.problems and is_over_enqueued(
            self.rules, others, model=scanned.model, tokens=scanned.tokens
        ):
            return (Problem(ProblemKind.TOKEN_LIMIT, subject=subjects[ProblemKind.TOKEN_LIMIT]),)
        return scanned.problems

    def _publish(self, job: Job) -> None:
        last = job.snapshot(job.ends_at)
        if Status.IN_PROGRESS not in last.at:
            return
        done = job.done_by(job.ends_at)
        both = self.shapes.facts.always_both_files
        if both or done > last.failed:
            job.output_file_id = self._result_file(job, "output")
        if both or last.failed or done < job.scan.lines:
            job.error_file_id = self._result_file(job, "error")

    def _result_file(self, job: Job, part: str) -> str:
        stored = StoredFile(
            id=self.shapes.new_id("file"),
            filename=f"{job.id}_{part}.jsonl",
            purpose=_RESULTS,
            path=self._result_path(job, part),
            created_at=job.ends_at,
            ready_at=job.ends_at,
            expires_at=None if job.result_life is None else job.ends_at + job.result_life,
            job_id=job.id,
        )
        self.shelf.put(stored)
        return stored.id

    async def _fill(self, stored: StoredFile) -> None:
        if stored.job_id is not None and stored.size is None:
            await self._written(self.jobs[stored.job_id])
            stored.size = stored.path.stat().st_size

    async def _written(self, job: Job) -> Usage:
        if job.id not in self._writing:
            self._writing[job.id] = asyncio.create_task(asyncio.to_thread(self._write, job))
        # Shielded, as the call that began it may be given up while another one waits for it, too.
        return await asyncio.shield(self._writing[job.id])

    def _write(self, job: Job) -> Usage:
        output, errors = self._result_path(job, "output"), self._result_path(job, "error")
        usage = write_results(job, self.shapes, output=output, errors=errors)
        job.input.unlink()
        for path, file_id in ((output, job.output_file_id), (errors, job.error_file_id)):
            if file_id is None or not self.shelf.has(file_id):
                path.unlink()
        return usage

    def _result_path(self, job: Job, part: str) -> Path:
        return self.folder / f"{job.id}_{part}.jsonl"
