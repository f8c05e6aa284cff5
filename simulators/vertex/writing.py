"""Writing what a job has made of its rows into the folder of its results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from simulators.native.lines import told
from simulators.native.manner import Json
from simulators.vertex.jobs import VertexJob
from simulators.vertex.moments import microseconds, milliseconds
from simulators.vertex.rows import Occasion, failure_of, read_row

_encode = msgspec.json.Encoder().encode


def write_rows(job: VertexJob, folder: Path) -> Mapping[str, Path]:
    """Write the files of a job that has ended into `folder`; return them by their names. It blocks.

    Rows that were not done by then are in none of them.
    """
    with ExitStack() as stack:
        files = {name: folder / f"{job.id}-{name.replace('/', '-')}" for name in _names(job)}
        opened = {name: stack.enter_context(path.open("wb")) for name, path in files.items()}
        writer = _Writer(job, opened)
        for index, line, times in told(job):
            for _ in range(times):
                writer.write(index, line)
    return {name: path for name, path in files.items() if name in writer.wanted()}


def _names(job: VertexJob) -> Iterator[str]:
    if job.fate.output_files == 1:
        yield "predictions.jsonl"
    else:
        yield from (f"predictions_{number + 1:05}.jsonl" for number in range(job.fate.output_files))
    yield "errors_00001.jsonl"
    yield "incremental_predictions/predictions_00001.jsonl"


@dataclass(slots=True)
class _Writer:
    job: VertexJob
    files: Mapping[str, IO[bytes]]
    written: int = 0
    failed: int = 0
    done: int = field(init=False)
    occasion: Occasion = field(init=False)

    def __post_init__(self) -> None:
        job = self.job
        self.done = job.done_by(job.ends_at)
        self.occasion = Occasion(
            model=job.order.model.name,
            processed_time=milliseconds(job.ends_at),
            create_time=microseconds(job.ends_at),
            key_field=job.order.key_field if job.keeps_key_field else None,
            parameters=job.order.parameters,
        )

    def wanted(self) -> set[str]:
        """Return which files there are to be."""
        names = {name for name in self.files if name.startswith("predictions")}
        if self.job.fate.errors_file and self.failed:
            names.add("errors_00001.jsonl")
        if self.job.fate.incremental:
            names.add("incremental_predictions/predictions_00001.jsonl")
        return names

    def write(self, index: int, line: bytes) -> None:
        if index >= self.done:
            return
        name, outcome = self._outcome(index, line)
        encoded = _encode(outcome) + b"\n"
        self.files[name].write(encoded)
        if index < self.done // 2:
            self.files["incremental_predictions/predictions_00001.jsonl"].write(encoded)

    def _outcome(self, index: int, line: bytes) -> tuple[str, Json]:
        kind, row = self.job.order.model.kind, read_row(line)
        status = self.job.failure_of(index)
        if status is None:
            return self._next_file(), kind.answered(row, self.occasion)
        self.failed += 1
        failure = failure_of(kind, row, status)
        if self.job.fate.errors_file:
            error = {"code": failure.number, "message": failure.message}
            return "errors_00001.jsonl", {**kind.instance(row), "error": error}
        return self._next_file(), kind.failed(row, failure, self.occasion)

    def _next_file(self) -> str:
        """Return which file a row goes to: each in turn, but for the last, which stays empty."""
        full = self.job.fate.output_files - 1
        if not full:
            return "predictions.jsonl"
        self.written += 1
        return f"predictions_{(self.written - 1) % full + 1:05}.jsonl"
