"""How OpenAI's Files and Batches API looks; `simulators.native.server` serves it.

It takes those of OpenAI's endpoints that `simulators.answers` can answer.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping

import msgspec

from simulators.answers import ANSWERS
from simulators.native.course import Snapshot, Status
from simulators.native.files import StoredFile
from simulators.native.jobs import Job
from simulators.native.manner import Json
from simulators.native.problems import Finding, ProblemKind
from simulators.native.refusals import Refusal, filled
from simulators.native.rules import Rules
from simulators.native.shapes import VERBS, Facts
from simulators.openai_words import FINDINGS, SAYINGS, UNFINISHED

_HOUR = 3600
_DAY = 24 * _HOUR
_LETTERS = string.ascii_letters + string.digits
_VERSION = "2025-08-07"
_PREFIXES = {"file": "file-", "batch": "batch_", "event": "evt_"}
_NO_USAGE = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}


class OpenAIShapes:
    """How OpenAI's answers look."""

    name = "openai"
    verbs = VERBS
    reasons = tuple(SAYINGS)
    facts = Facts(
        bases=("/v1",),
        api_base="/v1",
        deployment="model: openai/gpt-4o-mini, api_key: sk-1, batch_lane: native",
        endpoints=tuple(ANSWERS),
        window_expires=True,
        shallow_check=True,
        always_both_files=False,
        tells_usage=True,
        input_may_be_missing=True,
        shortest_life=_HOUR,
        longest_life=30 * _DAY,
        usual_life=30 * _DAY,
    )

    def rules(self) -> Rules:
        """OpenAI's limits; that of enqueued tokens differs by tier, so that there is none until it is set."""
        return Rules(creates_an_hour=2000, uploads_a_minute=1000)

    def knows(self, path: str, query: Mapping[str, str]) -> bool:  # noqa: ARG002 - every path says all
        """OpenAI needs nothing but the path."""
        return True

    def is_dated(self, path: str) -> bool:  # noqa: ARG002 - there is one style
        """OpenAI has one style."""
        return False

    def shown_keys(self, headers: Mapping[str, str]) -> str | None:
        """The bearer."""
        return bearer(headers)

    def new_id(self, kind: str) -> str:
        """`file-…`, `batch_…` or `evt_…`."""
        return _PREFIXES[kind] + "".join(secrets.choice(_LETTERS) for _ in range(24))

    def upload_status(self, *, dated: bool) -> int:  # noqa: ARG002 - there is one style
        """200."""
        return 200

    def file(self, stored: StoredFile, *, now: float, dated: bool) -> Json:  # noqa: ARG002 - ready at once
        """A file, processed from the start."""
        return {
            "id": stored.id,
            "object": "file",
            "bytes": stored.size,
            "created_at": int(stored.created_at),
            "expires_at": None if stored.expires_at is None else int(stored.expires_at),
            "filename": stored.filename,
            "purpose": stored.purpose,
            "status": "processed",
            "status_details": None,
        }

    def batch(self, job: Job, snapshot: Snapshot, *, dated: bool) -> Json:  # noqa: ARG002 - there is one style
        """A batch: times are Unix seconds, what is not there is null."""
        moments = {f"{status}_at": _second(snapshot.at.get(status)) for status in Status}
        del moments["validating_at"]
        return {
            "id": job.id,
            "object": "batch",
            "endpoint": job.endpoint,
            "model": answering_model(job.model) if Status.IN_PROGRESS in snapshot.at else None,
            "errors": errors_of(job, FINDINGS) if snapshot.status is Status.FAILED else None,
            "input_file_id": job.input_file_id,
            "completion_window": job.completion_window,
            "status": snapshot.status.value,
            "output_file_id": job.output_file_id,
            "error_file_id": job.error_file_id,
            "created_at": int(job.created_at),
            "expires_at": int(job.created_at + (job.window or _DAY)),
            **moments,
            "request_counts": counts_of(snapshot),
            "usage": job.usage or _NO_USAGE,
            "metadata": job.metadata,
        }

    def refusal(self, refusal: Refusal) -> tuple[int, Json]:
        """OpenAI's envelope, with all four keys."""
        said = SAYINGS[refusal.reason]
        error = {
            "message": filled(said.message, refusal.details),
            "type": said.kind,
            "param": None if said.param is None else filled(said.param, refusal.details),
            "code": said.code,
        }
        return refusal.status or said.status, {"error": error}

    def answered(
        self, custom_id: msgspec.Raw, request_id: str, *, status: int, body: Mapping[str, object]
    ) -> Json:
        """A result line."""
        response = {"status_code": status, "request_id": request_id, "body": body}
        return {
            "id": f"batch_req_{request_id}",
            "custom_id": custom_id,
            "response": response,
            "error": None,
        }

    def unanswered(self, custom_id: msgspec.Raw, request_id: str, *, ended: Status | None) -> Json:
        """A line of the error file without a response."""
        code, message = UNFINISHED[ended]
        error = {"code": code, "message": message}
        return {"id": f"batch_req_{request_id}", "custom_id": custom_id, "response": None, "error": error}

    def answer(self, body: Json) -> Json:
        """An answer names the model's version, not the name it was asked by."""
        return {**body, "model": answering_model(body["model"])}


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the bearer that a request shows."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def answering_model(name: str | None) -> str | None:
    """Return the version that answers for a model: `gpt-4o-mini` becomes `gpt-4o-mini-2025-08-07`."""
    return name if name is None or name.endswith(_VERSION) else f"{name}-{_VERSION}"


def counts_of(snapshot: Snapshot) -> Json:
    """Return `request_counts`."""
    return {"total": snapshot.total, "completed": snapshot.completed, "failed": snapshot.failed}


def errors_of(job: Job, findings: Mapping[ProblemKind, Finding]) -> Json:
    """Return `errors`: all that validation has found, in line order."""
    data = []
    for problem in job.problems:
        finding = findings[problem.kind]
        holes = {"subject": problem.subject, "limit": f"{job.token_limit or 2_000_000:,}"}
        param = None if finding.param is None else filled(finding.param, holes)
        message = filled(finding.message, holes)
        data.append({"code": finding.code, "message": message, "param": param, "line": problem.line})
    return {"object": "list", "data": data}


def _second(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
