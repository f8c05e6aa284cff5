"""How Azure OpenAI's Files and Batches API looks; `simulators.native.server` serves it.

It differs from OpenAI's where Azure's documentation and its users say so. Asked with an `api-version`, it has
the oddities of Azure's samples: a capital letter in the status, ISO times, and counts that are null until the
job runs. Under `/openai/v1` it is closer to OpenAI, unless `odd` asks for these oddities there, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from simulators.azure_words import FINDINGS, SAYINGS
from simulators.native.course import Snapshot, Status
from simulators.native.files import StoredFile
from simulators.native.jobs import Job
from simulators.native.manner import Json
from simulators.native.refusals import Refusal, filled
from simulators.native.rules import Rules
from simulators.native.shapes import VERBS, Facts
from simulators.openai import answering_model, bearer, counts_of, errors_of
from simulators.openai_words import UNFINISHED

_DAY = 86_400
_V1 = "/openai/v1"
_DATED = "/openai"
_MIB = 2**20
_FILTERED = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}


class AzureShapes:
    """How Azure's answers look; `odd` is whether they have all oddities in both URL styles."""

    name = "azure"
    verbs = VERBS
    reasons = tuple(SAYINGS)
    facts = Facts(
        bases=(_V1, _DATED),
        api_base="",
        deployment='model: azure/gpt-4o-mini, api_key: any, api_version: "2024-10-21"',
        endpoints=("/v1/chat/completions", "/chat/completions", "/v1/responses", "/responses"),
        window_expires=False,
        shallow_check=False,
        always_both_files=True,
        tells_usage=False,
        input_may_be_missing=False,
        shortest_life=14 * _DAY,
        longest_life=30 * _DAY,
        usual_life=None,
    )

    def __init__(self, *, odd: bool = False) -> None:
        self._odd = odd

    def rules(self) -> Rules:
        """Azure's limits; that of enqueued tokens differs by deployment, so there is none until it is set."""
        return Rules(
            max_lines=100_000,
            max_file_bytes=200 * _MIB,
            max_files=500,
            max_expiring_files=10_000,
            file_pending_seconds=2.0,
        )

    def knows(self, path: str, query: Mapping[str, str]) -> bool:
        """Outside of v1, Azure routes by `api-version`."""
        return path.startswith(_V1) or bool(query.get("api-version"))

    def is_dated(self, path: str) -> bool:
        """Whether an answer has the oddities."""
        return self._odd or not path.startswith(_V1)

    def shown_keys(self, headers: Mapping[str, str]) -> str | None:
        """The key, or the token of Entra ID; v1 takes the key as a bearer, too."""
        return headers.get("api-key") or bearer(headers)

    def new_id(self, kind: str) -> str:
        """`file-…` or `batch_…`, and a UUID."""
        return f"file-{uuid.uuid4().hex}" if kind == "file" else f"{kind}_{uuid.uuid4()}"

    def upload_status(self, *, dated: bool) -> int:
        """201 where an `api-version` is asked for."""
        return 201 if dated else 200

    def file(self, stored: StoredFile, *, now: float, dated: bool) -> Json:
        """A file, pending until it is ready."""
        shown = {
            "id": stored.id,
            "object": "file",
            "bytes": stored.size,
            "created_at": _moment(stored.created_at, dated=dated),
            "filename": stored.filename,
            "purpose": stored.purpose,
            "status": "pending" if now < stored.ready_at else "processed",
        }
        if stored.expires_at is not None:
            shown["expires_at"] = _moment(stored.expires_at, dated=dated)
        return shown

    def batch(self, job: Job, snapshot: Snapshot, *, dated: bool) -> Json:
        """A batch: an id that is not there yet is an empty string, and a failure is dated `completed_at`."""
        at = {status: _moment(snapshot.at.get(status), dated=dated) for status in Status}
        failed = snapshot.status is Status.FAILED
        moments = {f"{status}_at": moment for status, moment in at.items()}
        del moments["validating_at"]
        if failed:
            moments |= {"completed_at": at[Status.FAILED], "failed_at": None}
        nothing_yet = {"total": None, "completed": None, "failed": None}
        return {
            "id": job.id,
            "object": "batch",
            "endpoint": job.endpoint,
            "errors": _quoted(errors_of(job, FINDINGS)) if failed else None,
            "input_file_id": job.input_file_id,
            "completion_window": job.completion_window,
            "status": snapshot.status.value.capitalize() if dated else snapshot.status.value,
            "output_file_id": job.output_file_id or "",
            "error_file_id": job.error_file_id or "",
            "created_at": _moment(job.created_at, dated=dated),
            "expires_at": _moment(job.created_at + _DAY, dated=dated),
            **moments,
            "request_counts": nothing_yet if dated and not snapshot.total else counts_of(snapshot),
            "metadata": job.metadata,
        }

    def refusal(self, refusal: Refusal) -> tuple[int, Json]:
        """Azure's envelope: a code and a message."""
        said = SAYINGS[refusal.reason]
        error = {"code": said.code or "BadRequest", "message": filled(said.message, refusal.details)}
        return refusal.status or said.status, {"error": error}

    def answered(
        self, custom_id: msgspec.Raw, request_id: str, *, status: int, body: Mapping[str, object]
    ) -> Json:
        """A result line, without an id."""
        response = {"body": body, "request_id": request_id, "status_code": status}
        return {"custom_id": custom_id, "response": response, "error": None}

    def unanswered(self, custom_id: msgspec.Raw, request_id: str, *, ended: Status | None) -> Json:  # noqa: ARG002 - no request
        """A line of the error file without a response."""
        code, message = UNFINISHED[ended]
        return {"custom_id": custom_id, "response": None, "error": {"code": code, "message": message}}

    def answer(self, body: Json) -> Json:
        """An answer names the model behind the deployment, and says what the content filter found."""
        named = {**body, "model": answering_model(body["model"])}
        if "choices" not in body:
            return named
        choices = [{**choice, "content_filter_results": _FILTERED} for choice in body["choices"]]
        prompt = [{"prompt_index": 0, "content_filter_results": _FILTERED}]
        return {**named, "choices": choices, "prompt_filter_results": prompt}


def _moment(moment: float | None, *, dated: bool) -> int | str | None:
    """Return a time as Unix seconds, or as .NET writes it: with seven digits after the second."""
    if moment is None:
        return None
    if not dated:
        return int(moment)
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00"


def _quoted(errors: Json) -> Json:
    """Put the line numbers in quotes."""
    data = [{**each, "line": None if each["line"] is None else str(each["line"])} for each in errors["data"]]
    return {**errors, "data": data}
