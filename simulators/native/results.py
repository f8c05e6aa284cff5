"""Writing a job's result files, when somebody first asks for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from simulators.answers import ANSWERS, identity_of
from simulators.native.jobs import Job
from simulators.native.lines import told
from simulators.native.manner import Json
from simulators.native.refusals import refusal_of
from simulators.native.scan import NO_ANSWER
from simulators.native.scanning import bare
from simulators.native.shapes import Shapes

_ANSWERS = {bare(endpoint): answer for endpoint, answer in ANSWERS.items()}


class _Line(msgspec.Struct):
    custom_id: msgspec.Raw
    body: msgspec.Raw


_read_line = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Usage:
    """Tokens over all answers of a job."""

    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        """Count an answer's usage in, in whichever of OpenAI's two ways it is said."""
        self.input_tokens += usage.get("prompt_tokens", usage.get("input_tokens", 0))
        self.output_tokens += usage.get("completion_tokens", usage.get("output_tokens", 0))

    def as_json(self) -> Json:
        """Return it as a job shows it."""
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.input_tokens + self.output_tokens,
        }


def write_results(job: Job, shapes: Shapes, *, output: Path, errors: Path) -> Usage:
    """Write both files of a job that has ended, and return what its answers used. It blocks: for a thread."""
    with output.open("wb") as good, errors.open("wb") as bad:
        writer = _Writer(job, shapes, good=good, bad=bad, done=job.done_by(job.ends_at))
        for index, line, times in told(job):
            writer.write(index, line, times)
    return writer.usage


@dataclass(slots=True)
class _Writer:
    job: Job
    shapes: Shapes
    good: IO[bytes]
    bad: IO[bytes]
    done: int
    usage: Usage = field(default_factory=Usage)

    def write(self, index: int, line: bytes, times: int) -> None:
        file, outcome = self._outcome(index, line)
        for _ in range(times):
            file.write(_encode(outcome))
            file.write(b"\n")

    def _outcome(self, index: int, line: bytes) -> tuple[IO[bytes], Json]:
        request = _read_line(line)
        request_id = hashlib.blake2s(f"{self.job.id}:{index}".encode(), digest_size=16).hexdigest()
        if index >= self.done:
            ended = self.job.story[-1][1]
            return self.bad, self.shapes.unanswered(request.custom_id, request_id, ended=ended)
        failure = self.job.failure_of(index)
        if failure == NO_ANSWER:
            return self.bad, self.shapes.unanswered(request.custom_id, request_id, ended=None)
        if failure is not None:
            status, said = self.shapes.refusal(refusal_of(failure))
            refused = self.shapes.answered(request.custom_id, request_id, status=status, body=said)
            return self.bad, refused
        body = self._answer(bytes(request.body))
        return self.good, self.shapes.answered(request.custom_id, request_id, status=200, body=body)

    def _answer(self, body: bytes) -> Json:
        answer = _ANSWERS[bare(self.job.endpoint)](msgspec.json.decode(body), identity_of(body))
        self.usage.add(answer.get("usage", {}))
        return self.shapes.answer(answer)
